// A folder that an image is built in, beside where it will lie, so that a rename brings it there whole.
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';

const prefix = '.building-';

/** When a process started, in clock ticks since boot; null where there is none. A reused process id has another. */
async function startOf(pid: string): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

/** Removes folders of builds that were interrupted: those whose process is gone. */
async function removeAbandoned(images: string): Promise<void> {
  for (const name of await readdir(images)) {
    const [, pid, start] = /^\.building-(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || (await startOf(pid)) === start) continue;
    await rm(`${images}/${name}`, { recursive: true, force: true });
  }
}

/** A new folder for a build of this process. */
export async function makeWorkspace(images: string): Promise<string> {
  await mkdir(images, { recursive: true });
  await removeAbandoned(images);
  const start = await startOf(String(process.pid));
  const folder = `${images}/${prefix}${process.pid}-${start ?? '0'}-${randomUUID().slice(0, 8)}`;
  await mkdir(folder, { mode: 0o755 });
  return folder;
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOTEMPTY', 'EEXIST'].includes(String(error.code));
}

/** Puts the finished folder in the place of `target`. Two builds that end at once both succeed; one of them stays. */
export async function publish(finished: string, target: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const old = `${finished}.old`;
    await rename(target, old).catch(() => {});
    try {
      await rename(finished, target);
      return;
    } catch (error) {
      if (!isTaken(error) || tries > 20) throw error;
    } finally {
      await rm(old, { recursive: true, force: true });
    }
  }
}
