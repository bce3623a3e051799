// HAProxy's own checker over the golden files of packages/haproxy-config.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseProxy, renderGlobal, renderProxy } from '@isthmus/haproxy-config';
import { createHost, silentLog } from '@isthmus/host';
import { globalConfig } from '@isthmus/templates/load-balancing';
import test from 'ava';
import { settings } from '../namespace-fixture.ts';
import { haproxyLayout } from './layout.ts';

const { commands, files } = createHost({ log: silentLog });

test('HAProxy takes the golden files', async (t) => {
  const root = `/tmp/ithtest-${randomBytes(5).toString('hex')}`;
  t.teardown(() => files.remove(root));
  const layout = haproxyLayout({ state: root, run: root });
  await files.makeDirectory(layout.config);
  await files.writeText(`${layout.config}/global.cfg`, renderGlobal(globalConfig(settings.loadBalancing, layout)));
  for (const name of ['http.cfg', 'tcp.cfg', 'learning.cfg']) {
    const path = new URL(import.meta.resolve(`@isthmus/haproxy-config`));
    const proxy = parseProxy(await readFile(new URL(`golden/${name}`, path), 'utf8'));
    // Of certificates HAProxy reads the files, which a golden file does not have.
    await files.writeText(`${layout.config}/rule-${name}`, renderProxy({ ...proxy, tls: null }));
  }
  const { exitCode, stderr } = await commands.run('haproxy', ['-c', '-f', layout.config], { okCodes: [0, 1] });
  t.is(exitCode, 0, stderr);
  t.notRegex(stderr, /ALERT/);
});
