import { MemoryFiles } from '@isthmus/host';
import test from 'ava';
import { ImageBuildError } from '../image-build-error.ts';
import { parseDeb822, parseOneLine, readDebianSources, sourcesText } from './sources.ts';

const deb822 = `Types: deb
# a comment in between
URIs: http://mirror.test/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://mirror.test/debian
Suites: trixie
Components: main

Types: deb
Enabled: no
URIs: http://off.test/debian
Suites: bookworm
Components: main
`;

test('a deb822 file gives a source for each address and suite', (t) => {
  t.deepEqual(
    parseDeb822(deb822).map(({ uri, suite }) => `${uri} ${suite}`),
    [
      'http://mirror.test/debian bookworm',
      'http://mirror.test/debian bookworm-updates',
      'http://mirror.test/debian-security bookworm-security',
      'http://mirror.test/debian trixie',
    ],
  );
  t.is(parseDeb822(deb822)[0]?.signedBy, '/usr/share/keyrings/debian-archive-keyring.gpg');
  t.is(parseDeb822(deb822)[2]?.signedBy, null);
});

test('a one-line file is read with and without options', (t) => {
  const text = `# deb http://off.test/debian bookworm main
deb http://mirror.test/debian/ bookworm main contrib # a comment
deb [arch=amd64 signed-by=/etc/key.gpg] http://mirror.test/debian trixie main
deb-src http://mirror.test/debian bookworm main
`;
  t.deepEqual(parseOneLine(text), [
    { uri: 'http://mirror.test/debian', suite: 'bookworm', components: ['main', 'contrib'], signedBy: null },
    { uri: 'http://mirror.test/debian', suite: 'trixie', components: ['main'], signedBy: '/etc/key.gpg' },
  ]);
});

test('only the release of images is taken, and main alone', async (t) => {
  const files = new MemoryFiles();
  files.texts.set('/etc/apt/sources.list.d/debian.sources', deb822);
  files.texts.set('/etc/apt/sources.list.d/other.list', 'deb http://other.test/node nodistro main\n');
  t.is(
    sourcesText(await readDebianSources(files)),
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.test/debian bookworm main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.test/debian bookworm-updates main
deb http://mirror.test/debian-security bookworm-security main
`,
  );
});

test('a machine without the release is told which one is missing', async (t) => {
  const files = new MemoryFiles();
  files.texts.set('/etc/apt/sources.list', 'deb http://mirror.test/debian trixie main\n');
  const error = await t.throwsAsync(readDebianSources(files), { instanceOf: ImageBuildError });
  t.regex(error?.message ?? '', /no Debian "bookworm"/);
});
