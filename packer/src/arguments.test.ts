import test from 'ava';
import { readArguments } from './arguments.ts';
import { ImageBuildError } from './image-build-error.ts';

test('what is asked for is read', (t) => {
  t.deepEqual(readArguments(['router', '--format', 'raw,vhd', '--format', 'ova', '--output', '/images']), {
    roles: ['router'],
    formats: ['raw', 'vhd', 'ova'],
    architecture: 'amd64',
    debugKey: null,
    output: '/images',
    cache: null,
    updateLock: false,
    lock: 'committed',
    ifChanged: false,
  });
  t.deepEqual(readArguments(['all']).roles, ['router', 'console-proxy', 'secondary-storage', 'guest']);
  t.deepEqual(readArguments(['--update-lock']).roles, ['router', 'console-proxy', 'secondary-storage', 'guest']);
  t.deepEqual(readArguments(['guest', 'router', '--if-changed']).roles, ['router', 'guest']);
  t.deepEqual(readArguments(['guest', '--lock', '/there/guest.lock']).lock, { path: '/there/guest.lock' });
  t.is(readArguments(['guest', '--debug', '--debug-key', '/k.pub']).debugKey, '/k.pub');
});

test('a wrong word is named, with what was expected', (t) => {
  const rows: [string[], RegExp][] = [
    [[], /^ROLE "": expected router, /],
    [['toaster'], /^ROLE "toaster": expected router, /],
    [['router', 'toaster'], /^ROLE "toaster": expected router, /],
    [['router', '--lock', 'newest'], /^--lock "newest": expected committed, current or a FILE/],
    [['router', '--format', 'vdi'], /^--format "vdi": expected raw, qcow2, /],
    [['router', '--arch', 'sparc'], /^--arch "sparc": expected amd64/],
    [['router', '--debug'], /expected both or neither/],
    [['router', '--debug-key', '/k.pub'], /expected both or neither/],
    [['router', '--fast'], /--fast/],
  ];
  for (const [words, pattern] of rows) {
    const error = t.throws(() => readArguments(words), { instanceOf: ImageBuildError });
    t.regex(error?.message ?? '', pattern);
    t.regex(error?.message ?? '', /usage: npm run image/);
  }
});
