import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHost, silentLog } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { ImageBuildError } from '../image-build-error.ts';
import { nodePackage, sha256Of } from '../inputs.ts';
import { writeSnapshot } from './snapshot.ts';

const host = createHost({ log: silentLog });
const node = fileURLToPath(new URL(`../../../node_modules/${nodePackage}/bin/node`, import.meta.url));

/** Files of a service that is loaded so. */
async function serviceOf(t: ExecutionContext, text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'snapshot-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const parts = { node, bundle: `${folder}/service.mjs`, blob: `${folder}/service.blob` };
  await writeFile(parts.bundle, text);
  return parts;
}

const begins = (text: string) => `
  const { startupSnapshot } = process.getBuiltinModule('node:v8');
  const loadedBy = process.pid;
  const chances = new Map([['loaded', Math.random()]]);
  startupSnapshot.setDeserializeMainFunction(() => { ${text} });
`;

test('a process begins with what was loaded, in a world of its own', async (t) => {
  const says =
    'console.log(JSON.stringify([process.argv[2], process.env.HOME, loadedBy === process.pid, Math.random()]))';
  const { bundle, blob } = await serviceOf(t, begins(says));
  await writeSnapshot(host, '/', { node, bundle, blob });
  const answers = await Promise.all(
    ['one', 'two'].map(async (word) => {
      const args = [`--snapshot-blob=${blob}`, bundle, word];
      const { stdout } = await host.commands.run(node, args, { env: { HOME: `/${word}` } });
      return JSON.parse(stdout) as [string, string, boolean, number];
    }),
  );
  t.deepEqual(
    answers.map((answer) => answer.slice(0, 3)),
    [
      ['one', '/one', false],
      ['two', '/two', false],
    ],
  );
  t.not(answers[0]?.[3], answers[1]?.[3], 'chance was not loaded');
});

test('two snapshots of one bundle are the same bytes, whatever the environment is', async (t) => {
  const { bundle, blob } = await serviceOf(t, `${begins('')}globalThis.view = new DataView(new ArrayBuffer(8));`);
  await writeSnapshot(host, '/', { node, bundle, blob });
  const first = sha256Of(await readFile(blob));
  process.env.TZ = 'Asia/Tokyo';
  t.teardown(() => delete process.env.TZ);
  await writeSnapshot(host, '/', { node, bundle, blob });
  t.is(sha256Of(await readFile(blob)), first);
});

test('a service that cannot be loaded is told in words', async (t) => {
  const { bundle, blob } = await serviceOf(t, "throw new Error('no such thing');");
  const error = await t.throwsAsync(writeSnapshot(host, '/', { node, bundle, blob }), { instanceOf: ImageBuildError });
  t.regex(error.message, /no snapshot of .*service\.mjs could be taken/);
  t.regex(error.message, /no such thing/);
});
