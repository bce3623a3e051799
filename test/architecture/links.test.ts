// The documents point at files that exist, and a promise of SPECIFICATION.md at the test that enforces it.
import { dirname, join } from 'node:path';
import test from 'ava';
import { filesOf, textOf } from './repository-files.ts';

const isDocument = (path: string) => path.endsWith('.md');

/** Targets of the relative links of a document, without their fragment. */
function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target ?? '')
    .filter((target) => !/^(?:[a-z]+:|#)/.test(target))
    .map((target) => target.replace(/#.*$/, ''));
}

test('every relative link in a document leads to a file or folder', async (t) => {
  const files = await filesOf(() => true);
  const known = new Set(files.flatMap((path) => [path, ...parentsOf(path)]));
  const broken: string[] = [];
  for (const document of await filesOf(isDocument)) {
    for (const target of linksOf(await textOf(document))) {
      const path = join(dirname(document), target).replace(/\/$/, '');
      if (!known.has(path)) broken.push(`${document} → ${target}`);
    }
  }
  t.deepEqual(broken, []);
});

test('every promise of the specification names the test that enforces it', async (t) => {
  const text = await textOf('SPECIFICATION.md');
  const promises = text.split('\n').filter((line) => /^\| P\d+ \|/.test(line));
  t.true(promises.length >= 30, `only ${promises.length} promises were found`);
  const numbers = promises.map((line) => Number(/P(\d+)/.exec(line)?.[1]));
  t.deepEqual(
    numbers,
    [...new Set(numbers)].sort((left, right) => left - right),
  );
  const absent: string[] = [];
  for (const promise of promises) {
    const number = /P\d+/.exec(promise)?.[0];
    if (linksOf(promise).length === 0) absent.push(`${number} names no test`);
    for (const [, path = '', title = ''] of promise.matchAll(/\]\(([^)]+)\): "([^"]+)"/g)) {
      if (!(await textOf(path)).includes(title)) absent.push(`${number}: ${path} has no "${title}"`);
    }
  }
  t.deepEqual(absent, []);
});

test('every document below docs/ is listed in docs/README.md', async (t) => {
  const listed = new Set(linksOf(await textOf('docs/README.md')).map((target) => join('docs', target)));
  for (const path of await filesOf((candidate) => candidate.startsWith('docs/') && isDocument(candidate))) {
    if (path !== 'docs/README.md') t.true(listed.has(path), `docs/README.md does not list ${path}`);
  }
});

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? [] : [parent, ...parentsOf(parent)];
}
