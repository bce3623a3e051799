// The image `guest` of this checkout for tests, built where it is absent or of other sources.
import { readFile } from 'node:fs/promises';
import type { Machine } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';

const checkout = new URL('../../../..', import.meta.url).pathname.replace(/\/$/, '');
const images = process.env.ISTHMUS_IMAGES ?? `${checkout}/dist/images`;
const folder = `${images}/guest`;
const buildMs = 10 * 60_000;

interface GuestManifest {
  readonly files: readonly { readonly kind: string; readonly name: string; readonly sha256: string }[];
}

/** Does nothing, within a second, where the image is of this checkout; another build of it is waited for. */
async function build(): Promise<void> {
  const { commands } = createHost({ log: silentLog });
  const options = { cwd: checkout, env: { ISTHMUS_IMAGES: images }, timeoutMs: buildMs };
  await commands.run(process.execPath, [`${checkout}/packer/src/main.ts`, 'guest', '--if-changed'], options);
}

/** A machine that boots the image `guest` by direct kernel, and where its files lie. */
export async function guestImage(): Promise<{ machine: Machine; imagePath(sha256: string): string }> {
  await build();
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
