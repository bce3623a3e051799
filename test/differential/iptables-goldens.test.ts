// Every golden file of iptables-ts is taken by the real tool. Loaded, too: `iptables-restore --test` leaves out what the
// kernel itself checks.
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { scratchNamespace } from './scratch-namespace.ts';

const folder = new URL('golden/', import.meta.resolve('@isthmus/iptables-ts'));
const goldens = readdirSync(folder);

for (const name of goldens) {
  test(`the real tool takes ${name}`, async (t) => {
    const { commands } = await scratchNamespace(t, 'golden');
    const input = readFileSync(new URL(name, folder), 'utf8');
    if (name.endsWith('.ipset')) {
      await commands.run('ipset', ['restore'], { input });
    } else {
      const options = name.endsWith('.noflush') ? ['--noflush'] : [];
      await commands.run('ipset', ['restore'], { input: 'create a hash:net\ncreate b hash:net\n' });
      await commands.run('iptables-restore', ['--test', ...options], { input });
      await commands.run('iptables-restore', options, { input });
    }
    t.pass();
  });
}
