// Updates of an appliance's agent: what is taken, tried, kept and thrown away, by the very scripts that start it.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { UpdateRefusedError, Updates } from '@isthmus/agent';
import type { Update } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';
import { type ImageManifest, manifestBytes, signManifest } from '@isthmus/image-manifest';
import test, { type ExecutionContext } from 'ava';

const host = createHost({ log: silentLog });
const boot = new URL('../../appliances/base/boot/', import.meta.url).pathname;

function newKeys() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const keys = newKeys();

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function manifestOf(text: string, version: string, changes: Partial<ImageManifest> = {}): ImageManifest {
  return {
    schema: 1,
    role: 'router',
    version,
    architecture: 'amd64',
    debian: 'bookworm',
    sourceDateEpoch: 0,
    debug: false,
    lockSha256: 'a'.repeat(64),
    kernelCommandLine: 'quiet',
    requirements: { cpus: 1, memoryBytes: 2 ** 28 },
    disk: { virtualBytes: 2 ** 29 },
    files: [{ name: 'router.mjs', kind: 'bundle', bytes: Buffer.byteLength(text), sha256: sha256Of(text) }],
    ...changes,
  };
}

function updateOf(text: string, version: string, changes: Partial<ImageManifest> = {}, privatePem = keys.privatePem) {
  const manifest = manifestBytes(manifestOf(text, version, changes));
  return {
    manifest: manifest.toString('base64'),
    signature: signManifest(manifest, privatePem),
    bundle: Buffer.from(text).toString('base64'),
  };
}

interface Bench {
  readonly directory: string;
  readonly image: string;
  /** What the agent that runs `program` has of updates. */
  updates(program?: string, imageKeys?: readonly string[]): Updates;
  /** Which agent the next start is of. */
  choose(): Promise<string>;
  /** Starts as init does, until the agent ends or is ended; answers with the program and its code. */
  run(seconds?: number): Promise<{ program: string; code: number }>;
}

async function bench(t: ExecutionContext): Promise<Bench> {
  const root = `/tmp/ithtest-${randomBytes(5).toString('hex')}`;
  const directory = `${root}/update`;
  const image = `${root}/appliance.mjs`;
  await mkdir(root);
  await writeFile(image, 'process.exit(3);\n');
  await writeFile(`${root}/log`, 'before\nError: last words\n');
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const choose = async () => {
    const args = ['sh', `${boot}choose-agent`, directory, image, `${root}/log`];
    return (await host.commands.run('busybox', args)).stdout.trim();
  };
  return {
    directory,
    image,
    updates: (program = image, imageKeys = [keys.publicPem]) =>
      new Updates({ files: host.files, directory, program, version: '0.1.0', role: 'router', imageKeys }),
    choose,
    run: async (seconds = 5) => {
      const program = await choose();
      const args = ['sh', `${boot}run-agent`, directory, String(seconds), process.execPath, program];
      const okCodes = Array.from({ length: 256 }, (_, code) => code);
      const { exitCode } = await host.commands.run('busybox', args, { okCodes, timeoutMs: 60_000 });
      return { program, code: exitCode };
    },
  };
}

const good = "console.log('good');\n";

test('an update is tried, kept once it is reached, and starts from then on', async (t) => {
  const { updates, choose, image, directory } = await bench(t);
  t.is(await choose(), image);
  t.true(await updates().take(updateOf(good, '0.2.0')));
  const path = `${directory}/${sha256Of(good)}.mjs`;
  t.is(await choose(), path);
  t.is(await readFile(path, 'utf8'), good);
  const after = updates(path);
  t.deepEqual(await after.report(), {
    running: { version: '0.2.0', sha256: sha256Of(good) },
    trial: true,
    failed: null,
  });
  await after.keep();
  t.false((await after.report()).trial);
  t.like(await updates(path).report(), { running: { version: '0.2.0' }, trial: false });
  for (let start = 0; start < 4; start += 1) t.is(await choose(), path);
  t.false(await updates(path).take(updateOf(good, '0.2.0')), 'it runs already');
  const next = `${good}// newer\n`;
  t.true(await updates(path).take(updateOf(next, '0.3.0')));
  await updates(await choose()).keep();
  t.deepEqual(await host.files.list(directory), ['current', `${sha256Of(next)}.mjs`].sort());
});

test('the agent that did not order to be kept is not', async (t) => {
  const { updates, choose, image } = await bench(t);
  await updates().take(updateOf(good, '0.2.0'));
  // The old one still answers for a moment.
  await updates(image).keep();
  t.true((await updates(await choose()).report()).trial);
});

test('an update that throws at its start ends twice, and the one before it starts again and says why', async (t) => {
  const { updates, run, image, directory } = await bench(t);
  const broken = "throw new Error('broken');\n";
  await updates().take(updateOf(broken, '0.2.0'));
  const path = `${directory}/${sha256Of(broken)}.mjs`;
  t.deepEqual(await run(), { program: path, code: 1 });
  t.deepEqual(await run(), { program: path, code: 1 });
  t.deepEqual(await run(), { program: image, code: 3 });
  const report = await updates().report();
  t.like(report, { running: { version: '0.1.0' }, trial: false });
  t.deepEqual(report.failed?.software, { version: '0.2.0', sha256: sha256Of(broken) });
  t.regex(report.failed?.reason ?? '', /ended twice[\s\S]*Error: last words/);
  t.false(await host.files.exists(path));
});

test('an update that hangs is ended in its time, and the one before it starts again', async (t) => {
  const { updates, run, image, directory } = await bench(t);
  const kept = 'process.exit(4);\n';
  await updates().take(updateOf(kept, '0.2.0'));
  await updates(`${directory}/${sha256Of(kept)}.mjs`).keep();
  const hanging = "process.on('SIGTERM', () => {});\nfor (;;);\n";
  await updates(image).take(updateOf(hanging, '0.3.0'));
  t.deepEqual(await run(1), { program: `${directory}/${sha256Of(hanging)}.mjs`, code: 137 });
  t.deepEqual(await run(1), { program: `${directory}/${sha256Of(kept)}.mjs`, code: 4 });
  t.regex((await updates().report()).failed?.reason ?? '', /did not serve, or was not reached/);
});

test('an update that serves is not ended when its time is over', async (t) => {
  const { updates, run, directory } = await bench(t);
  const marker = `${directory}/trial`;
  const serving = `import { rmSync } from 'node:fs';\nrmSync('${marker}');\nsetTimeout(() => process.exit(7), 3000);\n`;
  await updates().take(updateOf(serving, '0.2.0'));
  t.is((await run(1)).code, 7);
});

test('a file that was damaged on the disk is not started', async (t) => {
  const { updates, choose, image, directory } = await bench(t);
  await updates().take(updateOf(good, '0.2.0'));
  const path = `${directory}/${sha256Of(good)}.mjs`;
  await updates(await choose()).keep();
  await writeFile(path, good.slice(0, -3));
  t.is(await choose(), image);
  await writeFile(path, good);
  t.is(await choose(), path);
  await updates(path).take(updateOf(`${good}//\n`, '0.3.0'));
  await writeFile(`${directory}/${sha256Of(`${good}//\n`)}.mjs`, '');
  t.is(await choose(), path);
  t.regex((await updates(path).report()).failed?.reason ?? '', /damaged/);
});

test('what no trusted key signed, or is not what was signed, changes nothing', async (t) => {
  const { updates, choose, image, directory } = await bench(t);
  const sound = updateOf(good, '0.2.0');
  const rows: [Update, RegExp][] = [
    [updateOf(good, '0.2.0', {}, newKeys().privatePem), /key/],
    [{ ...sound, signature: '' }, /not signed/],
    [{ ...sound, signature: sound.signature.replace(/.{10}==\n$/, 'AAAAAAAAAA==\n') }, /signature/],
    [{ ...sound, bundle: Buffer.from(good.slice(0, -1)).toString('base64') }, /not the one that was signed/],
    [{ ...sound, bundle: Buffer.from(good.replace('good', 'evil')).toString('base64') }, /not the one that was signed/],
    [{ ...sound, manifest: Buffer.from('{}').toString('base64') }, /./],
    [updateOf(good, '0.2.0', { role: 'console-proxy' }), /role/],
    [updateOf(good, '0.2.0', { files: [{ name: 'a', kind: 'raw', bytes: 1, sha256: 'b'.repeat(64) }] }), /bundle/],
  ];
  for (const [update, message] of rows) {
    await t.throwsAsync(updates().take(update), { instanceOf: UpdateRefusedError, message });
  }
  await t.throwsAsync(updates(image, []).take(sound), { message: /no key/ });
  t.is(await choose(), image);
  t.deepEqual(await host.files.list(directory), []);
});
