import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHost, silentLog } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { bundleService } from './bundle.ts';
import { ImageBuildError } from './image-build-error.ts';

const { commands } = createHost({ log: silentLog });

const text = `
import { TLSSocket } from 'node:tls';
import { createServer } from 'node:http';
import { join } from 'path';
const isLoaded = () => process.moduleLoadList.includes('NativeModule _http_server');
const before = isLoaded();
createServer().close();
console.log(JSON.stringify([before, isLoaded(), new TLSSocket(null) instanceof TLSSocket, join('a', 'b')]));
`;

async function printedBy(t: ExecutionContext, snapshot: boolean): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'bundle-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(`${folder}/entry.ts`, text);
  const { bytes } = await bundleService(folder, { entry: 'entry.ts', snapshot });
  await writeFile(`${folder}/service.mjs`, bytes);
  const { stdout } = await commands.run(process.execPath, [`${folder}/service.mjs`]);
  return JSON.parse(stdout);
}

test("Node's modules are loaded with a service", async (t) => {
  t.deepEqual(await printedBy(t, false), [true, true, true, 'a/b']);
});

test('what no snapshot can hold is loaded when it is used, and is the same', async (t) => {
  t.deepEqual(await printedBy(t, true), [false, true, true, 'a/b']);
});

test('an entry that is absent is told', async (t) => {
  const error = await t.throwsAsync(bundleService('/nowhere', { entry: 'entry.ts', snapshot: false }));
  t.true(error instanceof ImageBuildError);
  t.regex(error.message, /entry\.ts: the service's entry is absent/);
});
