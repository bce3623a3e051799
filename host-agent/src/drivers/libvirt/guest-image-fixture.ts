// The image `guest` of this checkout for tests, built where it is absent.
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Machine } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';

const checkout = new URL('../../../..', import.meta.url).pathname.replace(/\/$/, '');
const images = process.env.ISTHMUS_IMAGES ?? `${checkout}/dist/images`;
const folder = `${images}/guest`;
const buildMs = 10 * 60_000;

interface GuestManifest {
  readonly files: readonly { readonly kind: string; readonly name: string; readonly sha256: string }[];
}

/** Holds the name under which images of this checkout are built, against all others of this machine. */
async function claim(): Promise<() => void> {
  const { clock } = createHost({ log: silentLog });
  const end = clock.monotonicMs() + buildMs;
  for (;;) {
    const release = await new Promise<(() => void) | null>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(null));
      server.listen(`\0isthmus-images-of-${checkout}`, () => resolve(() => server.close()));
    });
    if (release !== null) return release;
    if (clock.monotonicMs() > end) throw new Error(`${folder}: expected the build of it to end`);
    await clock.sleep(500);
  }
}

async function isThere(): Promise<boolean> {
  return (await stat(`${folder}/manifest.json.sig`).catch(() => null)) !== null;
}

async function build(): Promise<void> {
  const release = await claim();
  try {
    if (await isThere()) return;
    const { commands } = createHost({ log: silentLog });
    const env = { ISTHMUS_IMAGES: images };
    const options = { cwd: checkout, env, timeoutMs: buildMs };
    await commands.run(process.execPath, [`${checkout}/packer/src/main.ts`, 'guest'], options);
  } finally {
    release();
  }
}

/** A machine that boots the image `guest` by direct kernel, and where its files lie. */
export async function guestImage(): Promise<{ machine: Machine; imagePath(sha256: string): string }> {
  if (!(await isThere())) await build();
  const { files } = JSON.parse(await readFile(`${folder}/manifest.json`, 'utf8')) as GuestManifest;
  const paths = new Map(files.map(({ sha256, name }) => [sha256, `${folder}/${name}`]));
  const sha256Of = (kind: string) => files.find((file) => file.kind === kind)?.sha256 ?? '';
  const commandLine = 'console=ttyS0,115200 quiet loglevel=4 panic=10 net.ifnames=0';
  return {
    machine: {
      image: {
        sha256: sha256Of('qcow2'),
        format: 'qcow2',
        kernel: { kernel: sha256Of('kernel'), initrd: sha256Of('initrd'), commandLine },
      },
      cpus: 1,
      memoryBytes: 128 * 1024 * 1024,
    },
    imagePath: (sha256) => paths.get(sha256) ?? `${folder}/${sha256}`,
  };
}
