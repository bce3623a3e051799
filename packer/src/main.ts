// npm run image: builds images and shows how far it is. Exit code 0: done; 1: not, with a sentence; 4: not, since no mirror
// has a version of the lock; 130: interrupted.
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { appliances } from '@isthmus/appliances';
import { CommandError, createHost, type Host, silentLog } from '@isthmus/host';
import { Listr, type ListrTask } from 'listr2';
import { abortableHost } from './abortable-host.ts';
import { type ImageArguments, readArguments, usage } from './arguments.ts';
import { type Build, prepareBuild } from './build.ts';
import type { BuildRequest } from './build-request.ts';
import { currentLocks, updateLocks } from './debian/update-lock.ts';
import { writeDefinitions } from './definitions.ts';
import { ImageBuildError, PackageGoneError } from './image-build-error.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { requirePrograms, requireRoom } from './tools.ts';
import { readDebugKey } from './tree/debug.ts';
import { isUnchanged } from './unchanged.ts';

const checkout = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const usualCache = '/var/cache/isthmus/debs';
/** What a build needs at its height: tree, root, disk and formats of the largest image. */
const roomBytes = 3 * 1024 ** 3;
const packageGoneCode = 4;

/** The steps of one image as tasks. `build` is made by the first of them. */
function tasksOf(build: Build): ListrTask[] {
  return build.steps.map(({ title, run }) => ({
    title,
    task: (_, task) =>
      run((words) => {
        task.output = words;
      }),
  }));
}

/** Text of the lock of each role, in their order; null: the committed one. */
async function lockTexts(host: Host, { lock, roles, architecture }: ImageArguments): Promise<(string | null)[]> {
  if (lock === 'committed') return roles.map(() => null);
  if (lock === 'current') {
    const manifests = roles.map((role) => appliances[role]);
    return await currentLocks(host, manifests, architecture);
  }
  if (roles.length > 1) throw new ImageBuildError(`--lock ${lock.path}: expected one ROLE with the lock of it`);
  const text = await host.files.readTextIfExists(lock.path);
  if (text === null) throw new ImageBuildError(`--lock ${lock.path}: there is no such file`);
  return [text];
}

async function buildImage(host: Host, request: BuildRequest): Promise<void> {
  const { role } = request.manifest;
  await requirePrograms(process.env.PATH ?? '');
  await mkdir(request.images, { recursive: true });
  await requireRoom(request.images, roomBytes);
  const started = performance.now();
  const build = await prepareBuild(host, request);
  try {
    await new Listr([{ title: role, task: (_, task) => task.newListr(tasksOf(build)) }], {
      registerSignalListeners: false,
      rendererOptions: { collapseSubtasks: false },
    }).run();
  } finally {
    await build.close();
  }
  const { folder, manifest } = build.result();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${role}: ${folder} in ${seconds} s\n`);
  for (const { name, bytes } of manifest.files) {
    process.stdout.write(`  ${name.padEnd(32)} ${(bytes / 1e6).toFixed(1).padStart(8)} MB\n`);
  }
}

async function buildImages(host: Host, args: ImageArguments, interrupt: AbortSignal): Promise<void> {
  const images = args.output ?? resolve(process.env.ISTHMUS_IMAGES ?? `${checkout}/dist/images`);
  const { version } = JSON.parse(await host.files.readText(`${checkout}/package.json`)) as { version: string };
  const common: Omit<BuildRequest, 'manifest' | 'lockText'> = {
    architecture: args.architecture,
    formats: args.formats,
    version,
    checkout,
    cache: args.cache ?? usualCache,
    images,
    keys: process.env.ISTHMUS_IMAGE_KEYS ?? `${checkout}/var/image-keys`,
    debugKey: args.debugKey === null ? null : await readDebugKey(args.debugKey),
  };
  const texts = await lockTexts(host, args);
  for (const [index, role] of args.roles.entries()) {
    const request = { ...common, manifest: appliances[role], lockText: texts[index] ?? null };
    if (!args.ifChanged) {
      await buildImage(host, request);
      continue;
    }
    if (await isUnchanged(host.files, request)) continue;
    await oneAtATime(host.clock, images, interrupt, async () => {
      if (!(await isUnchanged(host.files, request))) await buildImage(host, request);
    });
  }
}

/** What went wrong, for whoever typed the command. Other errors are faults of this program and keep their stack. */
function sentenceOf(error: unknown): string | null {
  if (error instanceof ImageBuildError || error instanceof CommandError) return error.message;
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    return `no space is left on the device: ${error.message}`;
  }
  return null;
}

async function main(words: readonly string[], interrupt: AbortSignal): Promise<void> {
  if (words.includes('--help') || words.includes('-h')) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  if (words.length === 1 && words[0] === '--definitions') {
    const paths = await writeDefinitions(`${checkout}/packer/definitions`);
    process.stdout.write(`${paths.join('\n')}\n`);
    return;
  }
  const args = readArguments(words);
  const host = abortableHost(createHost({ log: silentLog }), interrupt);
  if (!args.updateLock) return await buildImages(host, args, interrupt);
  const manifests = args.roles.map((role) => appliances[role]);
  await updateLocks(host, manifests, args.architecture);
  process.stdout.write(`locks of ${args.roles.join(', ')}: appliances/locks/, to be committed\n`);
}

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort(new ImageBuildError('interrupted: nothing was changed'));
  });
}
try {
  await main(process.argv.slice(2), interruption.signal);
} catch (error) {
  const sentence = interruption.signal.aborted ? 'interrupted; no image was changed' : sentenceOf(error);
  if (sentence === null) throw error;
  process.stderr.write(`isthmus: ${sentence}\n`);
  process.exitCode = interruption.signal.aborted ? 130 : error instanceof PackageGoneError ? packageGoneCode : 1;
}
