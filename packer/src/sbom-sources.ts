// Where a bill of materials gets its lines from: dpkg's own records, the npm lock file, and esbuild's account of what it
// took into a bundle.
import type { DebianPackage, NpmPackage } from './sbom.ts';

/** Fields of one paragraph of a Debian control file; continuation lines are left out. */
function fieldsOf(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of paragraph.split('\n')) {
    const [, name, value] = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) fields.set(name, value);
  }
  return fields;
}

/**
 * The installed packages of `/var/lib/dpkg/status`. `sha256Of` answers with the SHA-256 of a package's .deb, from the
 * lock. Throws where a paragraph lacks a name, a version or an architecture.
 */
export function installedPackages(
  status: string,
  sha256Of: (name: string, architecture: string) => string,
): DebianPackage[] {
  const packages: DebianPackage[] = [];
  for (const paragraph of status.split(/\n\n+/).filter((text) => text.trim() !== '')) {
    const fields = fieldsOf(paragraph);
    if (fields.get('Status')?.endsWith(' installed') !== true) continue;
    const [name, version, architecture] = ['Package', 'Version', 'Architecture'].map((field) => fields.get(field));
    if (name === undefined || version === undefined || architecture === undefined) {
      throw new Error(`dpkg status: a package without Package, Version or Architecture: ${paragraph.slice(0, 80)}`);
    }
    const [, sourceName, sourceVersion] = /^(\S+)(?: \((\S+)\))?$/.exec(fields.get('Source') ?? '') ?? [];
    packages.push({
      name,
      version,
      architecture,
      sha256: sha256Of(name, architecture),
      ...(sourceName === undefined ? {} : { source: { name: sourceName, version: sourceVersion ?? version } }),
    });
  }
  return packages;
}

/** What is read of package-lock.json (version 3). */
export interface PackageLock {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string;
        readonly integrity?: string;
        readonly license?: string;
        readonly link?: boolean;
      }
    >
  >;
}

/** What is read of esbuild's metafile: the paths of all files that went in, below the folder of package-lock.json. */
export interface BundleMetafile {
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** Path of the package in the lock that a file belongs to, e.g. `node_modules/a/node_modules/@b/c`; undefined: our own. */
function packagePath(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}

/**
 * The npm packages of which files went into the bundles, and those named in `whole` (such as the one that holds the Node
 * binary), once each. Throws where the lock does not know one.
 */
export function bundledPackages(
  lock: PackageLock,
  metafiles: readonly BundleMetafile[],
  whole: readonly string[] = [],
): NpmPackage[] {
  const files = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const paths = new Set([
    ...files.map(packagePath).filter((path) => path !== undefined),
    ...whole.map((name) => `node_modules/${name}`),
  ]);
  const found = new Map<string, NpmPackage>();
  for (const path of paths) {
    const entry = lock.packages[path];
    if (entry?.link === true) continue;
    if (entry?.version === undefined) throw new Error(`package-lock.json does not know ${path}, which is bundled`);
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const [, digest] = /^sha512-(\S+)$/.exec(entry.integrity ?? '') ?? [];
    found.set(`${name}@${entry.version}`, {
      name,
      version: entry.version,
      ...(digest === undefined ? {} : { sha512: Buffer.from(digest, 'base64').toString('hex') }),
      ...(entry.license === undefined ? {} : { licence: entry.license }),
    });
  }
  return [...found.values()];
}
