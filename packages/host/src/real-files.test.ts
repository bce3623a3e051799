import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Files } from './files.ts';
import { MemoryFiles, realFiles } from './index.ts';

const both: readonly (readonly [string, Files])[] = [
  ['real', realFiles],
  ['memory', new MemoryFiles()],
];

for (const [name, files] of both) {
  test(`${name} files: written, appended, listed, renamed and removed`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-files-'));
    const path = (...parts: string[]) => join(directory, ...parts);
    try {
      await files.makeDirectory(path('a', 'b'));
      t.is(await files.readTextIfExists(path('a', 'one')), null);
      await t.throwsAsync(files.readText(path('a', 'one')), { code: 'ENOENT' });
      await files.writeText(path('a', 'one'), 'first');
      await files.writeText(path('a', 'one'), 'second');
      await files.appendText(path('a', 'one'), ' line');
      await files.appendText(path('a', 'b', 'new'), 'text');
      t.is(await files.readText(path('a', 'one')), 'second line');
      t.deepEqual(await files.list(path('a')), ['b', 'one']);
      t.true(await files.exists(path('a', 'b')));
      await files.rename(path('a', 'one'), path('a', 'b', 'two'));
      t.false(await files.exists(path('a', 'one')));
      t.deepEqual(await files.list(path('a', 'b')), ['new', 'two']);
      await files.remove(path('a'));
      await files.remove(path('a'));
      t.false(await files.exists(path('a')));
      t.deepEqual(await files.list(path('a')), []);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}

test('a file has its permissions from the first moment and leaves no temporary behind', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-files-'));
  try {
    await realFiles.writeText(join(directory, 'key'), 'secret', { mode: 0o600 });
    t.is((await stat(join(directory, 'key'))).mode & 0o777, 0o600);
    await realFiles.appendText(join(directory, 'journal'), 'secret');
    t.is((await stat(join(directory, 'journal'))).mode & 0o777, 0o600);
    await t.throwsAsync(realFiles.writeText(join(directory, 'absent', 'file'), 'x'), { code: 'ENOENT' });
    await realFiles.makeDirectory(join(directory, 'folder', 'file'));
    await t.throwsAsync(realFiles.writeText(join(directory, 'folder'), 'over a directory'));
    t.deepEqual(await realFiles.list(directory), ['folder', 'journal', 'key']);
  } finally {
    await rm(directory, { recursive: true });
  }
});
