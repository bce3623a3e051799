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
}

/** Told to whoever asks, and with each wrong argument. */
export const usage = `usage: npm run image -- ROLE [--format LIST] [--arch ARCH] [--output DIR] [--cache DIR] [--debug --debug-key FILE]
       npm run image -- [ROLE] --update-lock
       npm run image -- --definitions
  ROLE      ${applianceRoles.join(', ')} or all
  --format  any of ${diskFormats.join(',')} (iso: the installer); raw and qcow2 are always made
  --arch    ${architectures.join(', ')}
  --output  folder of images (ISTHMUS_IMAGES, else dist/images); each gets a folder named after its role
  --cache   folder of Debian packages (/var/cache/isthmus/debs)
  --debug   an image with an SSH server for root, opened by the public key in FILE; never for production
  --update-lock  writes the lock of packages anew from what this machine's Debian mirror has today, and builds nothing
  --definitions  writes the definitions of Packer in packer/definitions anew, and builds nothing`;

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
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new ImageBuildError(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

/** Reads the words behind `npm run image --`. Throws ImageBuildError that names the wrong one. */
export function readArguments(args: readonly string[]): ImageArguments {
  const { values, positionals } = parse(args);
  const [word = values['update-lock'] ? 'all' : '', ...more] = positionals;
  if (more.length > 0) throw new ImageBuildError(`argument ${JSON.stringify(more[0])}: expected one ROLE\n${usage}`);
  const role = oneOf([...applianceRoles, 'all'] as const, word, 'ROLE');
  const formats = (values.format ?? []).flatMap((list) => list.split(','));
  const debugKey = values['debug-key'];
  if (values.debug !== (debugKey !== undefined)) {
    throw new ImageBuildError(`--debug and --debug-key FILE: expected both or neither\n${usage}`);
  }
  const absolute = (path: string | undefined) => (path === undefined ? null : resolve(path));
  return {
    roles: role === 'all' ? applianceRoles : [role],
    formats: [...new Set(formats.map((format) => oneOf(diskFormats, format, '--format')))],
    architecture: oneOf(architectures, values.arch, '--arch'),
    debugKey: absolute(debugKey),
    output: absolute(values.output),
    cache: absolute(values.cache),
    updateLock: values['update-lock'],
  };
}
