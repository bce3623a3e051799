import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { runsGuests } from './accelerator.ts';
import { bootProbeSector } from './boot-probe.ts';

const source = fileURLToPath(new URL('boot-probe.S', import.meta.url));
const { commands } = createHost({ log: silentLog });

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(`${tmpdir()}/isthmus-probe-`);
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('the bytes are what the source assembles to', (t) =>
  withFolder(async (folder) => {
    await commands.run('as', ['--64', '-o', `${folder}/probe.o`, source]);
    const layout = ['-m', 'elf_x86_64', '-Ttext', '0x7c00', '--entry', '0x7c00', '--oformat', 'binary'];
    await commands.run('ld', [...layout, '-o', `${folder}/probe.bin`, `${folder}/probe.o`]);
    t.deepEqual(new Uint8Array(await readFile(`${folder}/probe.bin`)), bootProbeSector());
  }));

test('a guest that QEMU emulates answers', (t) =>
  withFolder(async (folder) => {
    t.true(await runsGuests(commands, 'tcg', folder, 60_000));
  }));

test('a guest that gets no time has not answered', (t) =>
  withFolder(async (folder) => {
    t.false(await runsGuests(commands, 'tcg', folder, 1));
  }));
