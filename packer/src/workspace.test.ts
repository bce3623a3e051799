import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import test from 'ava';
import { makeWorkspace, publish } from './workspace.ts';

async function images(t: { teardown(action: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(`${tmpdir()}/isthmus-images-`);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function finishedImage(folder: string, text: string): Promise<string> {
  const work = await makeWorkspace(folder);
  await mkdir(`${work}/image`);
  await writeFile(`${work}/image/file`, text);
  return `${work}/image`;
}

test('a finished image takes the place of the one before', async (t) => {
  const folder = await images(t);
  await publish(await finishedImage(folder, 'first'), `${folder}/guest`);
  await publish(await finishedImage(folder, 'second'), `${folder}/guest`);
  t.is(await readFile(`${folder}/guest/file`, 'utf8'), 'second');
});

test('builds that end at once all succeed, and one of them stays', async (t) => {
  const folder = await images(t);
  const finished = await Promise.all(Array.from({ length: 8 }, (_, index) => finishedImage(folder, `${index}`)));
  await Promise.all(finished.map((image) => publish(image, `${folder}/guest`)));
  t.regex(await readFile(`${folder}/guest/file`, 'utf8'), /^[0-7]$/);
});

test('folders of builds that are gone are removed, those of this process are kept', async (t) => {
  const folder = await images(t);
  const mine = await makeWorkspace(folder);
  // A process id that exists, with a start that is not its own; and one that cannot exist.
  for (const name of [`.building-${process.pid}-1-abcd`, '.building-99999999-5-abcd']) await mkdir(`${folder}/${name}`);
  const second = await makeWorkspace(folder);
  const left = (await readdir(folder)).map((name) => `${folder}/${name}`).sort();
  t.deepEqual(left, [mine, second].sort());
});
