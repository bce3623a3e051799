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
      const made = (await commands.run('ipset', ['list', '-n'])).stdout.trim().split('\n');
      t.deepEqual(made.sort(), [...new Set([...input.matchAll(/^create (\S+)/gm)].map(([, set = '']) => set))].sort());
    } else {
      const options = name.endsWith('.noflush') ? ['--noflush'] : [];
      const isIpv6 = name.endsWith('.ip6tables');
      const [restore, family] = isIpv6 ? ['ip6tables-restore', 'inet6'] : ['iptables-restore', 'inet'];
      const sets = ['a', 'b', 's1'].map((set) => `create ${set} hash:net family ${family}\n`);
      await commands.run('ipset', ['restore'], { input: sets.join('') });
      for (const words of [['--test', ...options], options]) {
        t.is((await commands.run(restore, words, { input })).stderr.replace(/^#.*\n/gm, ''), '');
      }
    }
  });
}
