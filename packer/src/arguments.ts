import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type ApplianceRole, type Architecture, applianceRoles, architectures } from '@isthmus/appliances';
import { type DiskFormat, diskFormats } from './export/formats.ts';
import { ImageBuildError } from './image-build-error.ts';

/** What `npm run image` is asked for. */
export interface ImageArguments {
  readonly roles: readonly ApplianceRole[];
  readonly formats: readonly DiskFormat[];
  readonly architecture: Architecture;
  /** File of a public key; null: without --debug. */
  readonly debugKey: string | null;
  /** Folder of images; null: the usual one. */
  readonly output: string | null;
  /** Folder of Debian packages; null: the usual one. */
  readonly cache: string | null;
  readonly updateLock: boolean;
  /** Where the lock of packages comes from: the checkout, today's mirror, or a file. */
  readonly lock: 'committed' | 'current' | { readonly path: string };
  /** Leave images as they are that are of the same inputs. */
  readonly ifChanged: boolean;
}

/** Told to whoever asks, and with each wrong argument. */
export const usage = `usage: npm run image -- ROLE ... [--if-changed] [--lock committed|current|FILE] [--format LIST] [--arch ARCH]
                         [--output DIR] [--cache DIR] [--debug --debug-key FILE]
       npm run image -- [ROLE] --update-lock
       npm run image -- --definitions
  ROLE      ${applianceRoles.join(', ')} or all
  --if-changed  builds only what is absent or was built of something else (sources, lock, Node, formats, key)
  --lock    which lock of Debian packages: that of the checkout (committed), one of what this machine's mirror has today
            (current), or FILE, such as the ROLE.lock that lies beside each image
  --format  any of ${diskFormats.join(',')} (iso: the installer); raw and qcow2 are always made
  --arch    ${architectures.join(', ')}
  --output  folder of images (ISTHMUS_IMAGES, else dist/images); each gets a folder named after its role
  --cache   folder of Debian packages (/var/cache/isthmus/debs)
  --debug   an image with an SSH server for root, opened by the public key in FILE; never for production
  --update-lock  writes the lock of packages anew from what this machine's Debian mirror has today, and builds nothing
  --definitions  writes the definitions of Packer in packer/definitions anew, and builds nothing
Exit code: 0 done; 4 no mirror has a version of the lock any more; 130 interrupted; 1 all else`;

function oneOf<Word extends string>(words: readonly Word[], value: string, name: string): Word {
  const found = words.find((word) => word === value);
  if (found === undefined) {
    throw new ImageBuildError(`${name} ${JSON.stringify(value)}: expected ${words.join(', ')}\n${usage}`);
  }
  return found;
}

const options = {
  format: { type: 'string', multiple: true },
  arch: { type: 'string', default: 'amd64' },
  debug: { type: 'boolean', default: false },
  'debug-key': { type: 'string' },
  output: { type: 'string' },
  cache: { type: 'string' },
  'update-lock': { type: 'boolean', default: false },
  lock: { type: 'string', default: 'committed' },
  'if-changed': { type: 'boolean', default: false },
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new ImageBuildError(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

function lockOf(word: string): ImageArguments['lock'] {
  if (word === 'committed' || word === 'current') return word;
  if (word.endsWith('.lock')) return { path: resolve(word) };
  throw new ImageBuildError(`--lock ${JSON.stringify(word)}: expected committed, current or a FILE.lock\n${usage}`);
}

/** Reads the words behind `npm run image --`. Throws ImageBuildError that names the wrong one. */
export function readArguments(args: readonly string[]): ImageArguments {
  const { values, positionals } = parse(args);
  const words = positionals.length > 0 ? positionals : [values['update-lock'] ? 'all' : ''];
  const roles = words.map((word) => oneOf([...applianceRoles, 'all'] as const, word, 'ROLE'));
  const formats = (values.format ?? []).flatMap((list) => list.split(','));
  const debugKey = values['debug-key'];
  if (values.debug !== (debugKey !== undefined)) {
    throw new ImageBuildError(`--debug and --debug-key FILE: expected both or neither\n${usage}`);
  }
  const absolute = (path: string | undefined) => (path === undefined ? null : resolve(path));
  return {
    roles: applianceRoles.filter((role) => roles.includes(role) || roles.includes('all')),
    formats: [...new Set(formats.map((format) => oneOf(diskFormats, format, '--format')))],
    architecture: oneOf(architectures, values.arch, '--arch'),
    debugKey: absolute(debugKey),
    output: absolute(values.output),
    cache: absolute(values.cache),
    updateLock: values['update-lock'],
    lock: lockOf(values.lock),
    ifChanged: values['if-changed'],
  };
}
