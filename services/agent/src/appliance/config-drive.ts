// The config drive: identity and first document of an appliance, read whole and checked, or refused in words.
import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { type ConfigDrive, ConfigDriveSchema, validator } from '@isthmus/contract';
import { checkIdentity } from './certificate-check.ts';
import { Disc, DiscError } from './iso9660.ts';

const volume = 'ISTHMUS';
/** A full push of 10,000 entries of each kind is about 20 MB. */
const limitBytes = 64 * 1024 * 1024;
const driveValidator = validator(ConfigDriveSchema);

/** A config drive is in, and is not whole or not as it should be. */
export class ConfigDriveError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConfigDriveError';
  }
}

/** What a config drive holds; `sha256` of its `config.json` tells one drive from the next. */
export interface ReadDrive {
  readonly config: ConfigDrive;
  readonly sha256: string;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigDriveError('config.json: expected JSON', { cause });
  }
}

/** Checks what a drive's files hold. Throws ConfigDriveError. `now`: certificates must be good then. */
function checkDrive(config: Buffer | null, digest: Buffer | null, now: Date): ReadDrive {
  if (config === null) throw new ConfigDriveError('config.json is missing');
  if (digest === null) throw new ConfigDriveError('config.json.sha256 is missing');
  const sha256 = createHash('sha256').update(config).digest('hex');
  const expected = digest.toString('latin1').trim().split(/\s/, 1)[0] ?? '';
  if (sha256 !== expected) {
    throw new ConfigDriveError(
      `config.json has the SHA-256 ${sha256}: config.json.sha256 says ${expected.slice(0, 64)}`,
    );
  }
  const value = readJson(config.toString('utf8'));
  if (!driveValidator.check(value)) {
    // Paths and expectations alone: the values are secrets.
    const faults = driveValidator.faults(value).map(({ path, message }) => `${path}: ${message}`);
    throw new ConfigDriveError(`config.json: ${faults.slice(0, 5).join('; ')}`);
  }
  const { id, bootstrap } = value;
  const holder = { installation: bootstrap.installation, role: 'appliance', id } as const;
  const fault = checkIdentity({ holder, privateKey: bootstrap.privateKey, grant: bootstrap.grant }, now);
  if (fault !== null) throw new ConfigDriveError(`config.json: bootstrap.grant: ${fault}`);
  return { config: value, sha256 };
}

/** Reads a disc. Null where it is no config drive. Throws ConfigDriveError. */
async function readDisc(handle: FileHandle, now: Date): Promise<ReadDrive | null> {
  try {
    const disc = await Disc.open(handle);
    if (disc.volume !== volume) return null;
    return checkDrive(await disc.file('config.json', limitBytes), await disc.file('config.json.sha256', 1024), now);
  } catch (error) {
    if (error instanceof ConfigDriveError) throw error;
    // Where the drive itself fails, it ends before what its directory says.
    throw new ConfigDriveError(
      error instanceof DiscError ? error.message : `the drive cannot be read: ${String(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** The device is not there (any more). */
const noDevice = ['ENXIO', 'ENOENT', 'ENODEV'];
/** ENOMEDIUM of Linux (errno(3)), a drive with nothing in it: Node has no name for it. */
const noMedium = -123;

/** True where an error of open(2) says that there is no disc. */
export function isNoDisc(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('errno' in error && error.errno === noMedium) || ('code' in error && noDevice.includes(String(error.code)));
}

/**
 * Reads the config drive in the device or file at `path`. Null where nothing is in, or something else is. Throws
 * ConfigDriveError where it is cut short or wrong.
 */
export function readConfigDrive(path: string, now = new Date()): Promise<ReadDrive | null> {
  return readIfThere(path, (handle) => readDisc(handle, now));
}

/**
 * Reads the config drive that lies in the folder at `path` as files, as the disc has them. Null where there is none. Throws
 * ConfigDriveError.
 */
export async function readConfigFolder(path: string, now = new Date()): Promise<ReadDrive | null> {
  const [config, digest] = await Promise.all([
    readSmallFile(`${path}/config.json`, limitBytes),
    readSmallFile(`${path}/config.json.sha256`, 1024),
  ]);
  return config === null && digest === null ? null : checkDrive(config, digest, now);
}

/** Null where it is absent. Throws ConfigDriveError where it has more than `limit` bytes. */
function readSmallFile(path: string, limit: number): Promise<Buffer | null> {
  return readIfThere(path, async (handle) => {
    const { size } = await handle.stat();
    if (size > limit) throw new ConfigDriveError(`${path} has ${size} bytes: expected at most ${limit}`);
    return handle.readFile();
  });
}

/** What `read` makes of the device or file at `path`; null where nothing is there. */
async function readIfThere<Read>(path: string, read: (handle: FileHandle) => Promise<Read>): Promise<Read | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if (isNoDisc(error)) return null;
    throw error;
  }
  try {
    return await read(handle);
  } finally {
    await handle.close();
  }
}

/** The CD-ROM drives of this machine: absolute paths of devices. */
export async function findOpticalDrives(): Promise<string[]> {
  const names = await readdir('/sys/class/block').catch(() => []);
  return names
    .filter((name) => /^sr\d+$/.test(name))
    .sort()
    .map((name) => `/dev/${name}`);
}
