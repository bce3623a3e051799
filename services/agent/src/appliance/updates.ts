// Newer agents for this appliance. One that is given is checked, laid on the state partition, and tried: it is kept once
// it serves and was reached. Until then appliances/base/boot/choose-agent starts the one before it where it ends twice,
// and appliances/base/boot/agent ends one that hangs.
import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import type { Software, Update, UpdateReport } from '@isthmus/contract';
import type { Files } from '@isthmus/host';
import { fileOfKind, ImageManifestError, verifyManifest } from '@isthmus/image-manifest';

/** An update that is not taken; the message is for a person. Nothing has changed. */
export class UpdateRefusedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(`update: ${message}`, options);
    this.name = 'UpdateRefusedError';
  }
}

/**
 * `directory`: on the state partition, where `current`, `trial` and `failed` lie, each a line `SHA256 VERSION …`, and the
 * bundles as `SHA256.mjs`. `program`: the file that this process runs; `version`: the image's. `imageKeys` in PEM.
 */
export interface UpdateContext {
  readonly files: Files;
  readonly directory: string;
  readonly program: string;
  readonly version: string;
  readonly role: string;
  readonly imageKeys: readonly string[];
}

const marker = /^([0-9a-f]{64}) (\S+)(?: ([\s\S]*))?$/;

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Newer releases of an appliance's agent: taken, tried, kept or given up. */
export class Updates {
  readonly #context: UpdateContext;
  #running: Software | null = null;

  constructor(context: UpdateContext) {
    this.#context = context;
  }

  async report(): Promise<UpdateReport> {
    const running = await this.#software();
    const trial = await this.#read('trial');
    const failed = await this.#read('failed');
    return {
      running,
      trial: trial?.software.sha256 === running.sha256,
      failed: failed === null ? null : { software: failed.software, reason: failed.rest.trim().slice(0, 4096) },
    };
  }

  /**
   * Checks an update and lays it down to be tried at the agent's next start. False where it runs already. Throws
   * UpdateRefusedError.
   */
  async take({ manifest: encoded, signature, bundle }: Update): Promise<boolean> {
    const { files, directory, imageKeys, role } = this.#context;
    if (imageKeys.length === 0)
      throw new UpdateRefusedError('this appliance was given no key of images to check it by');
    const bytes = Buffer.from(bundle, 'base64');
    const { version, sha256, text } = checked(Buffer.from(encoded, 'base64'), signature, bytes, { imageKeys, role });
    if ((await this.#software()).sha256 === sha256 && (await this.#read('trial')) === null) return false;
    await files.makeDirectory(directory, { mode: 0o700 });
    await files.writeText(`${directory}/${sha256}.mjs`, text, { mode: 0o600 });
    await files.remove(`${directory}/failed`);
    // Last: from here on it is tried. The number counts its starts.
    await files.writeText(`${directory}/trial`, `${sha256} ${version} 0\n`, { mode: 0o600 });
    return true;
  }

  /** The agent serves and was reached: where it is on trial, it is kept. */
  async keep(): Promise<void> {
    const { files, directory } = this.#context;
    const trial = await this.#read('trial');
    const running = await this.#software();
    if (trial === null || trial.software.sha256 !== running.sha256) return;
    await files.writeText(`${directory}/current`, `${running.sha256} ${running.version}\n`, { mode: 0o600 });
    await files.remove(`${directory}/trial`);
    for (const name of await files.list(directory)) {
      if (name.endsWith('.mjs') && name !== `${running.sha256}.mjs`) await files.remove(`${directory}/${name}`);
    }
  }

  async #software(): Promise<Software> {
    if (this.#running !== null) return this.#running;
    const { program, version } = this.#context;
    const sha256 = sha256Of(await readFile(await realpath(program)));
    const marks = [await this.#read('trial'), await this.#read('current')];
    const mark = marks.find((each) => each?.software.sha256 === sha256);
    this.#running = mark?.software ?? { version, sha256 };
    return this.#running;
  }

  async #read(name: 'current' | 'trial' | 'failed'): Promise<{ software: Software; rest: string } | null> {
    const { files, directory } = this.#context;
    const [, sha256, version, rest = ''] =
      marker.exec(((await files.readTextIfExists(`${directory}/${name}`)) ?? '').trim()) ?? [];
    return sha256 === undefined || version === undefined ? null : { software: { sha256, version }, rest };
  }
}

/** The bundle of a signed manifest. Throws UpdateRefusedError. */
function checked(
  manifestText: Uint8Array,
  signature: string,
  bytes: Uint8Array,
  { imageKeys, role }: Pick<UpdateContext, 'imageKeys' | 'role'>,
): { version: string; sha256: string; text: string } {
  try {
    const manifest = verifyManifest(manifestText, signature, imageKeys);
    const file = fileOfKind(manifest, 'bundle');
    if (manifest.role !== role) throw new UpdateRefusedError(`it is of role ${manifest.role}, expected ${role}`);
    if (file === undefined) throw new UpdateRefusedError('its image has no bundle');
    if (bytes.length !== file.bytes || sha256Of(bytes) !== file.sha256) {
      throw new UpdateRefusedError(`the bundle has ${bytes.length} bytes, and is not the one that was signed`);
    }
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { version: manifest.version, sha256: file.sha256, text };
  } catch (error) {
    if (error instanceof UpdateRefusedError) throw error;
    const reason = error instanceof ImageManifestError ? error.message : String(error);
    throw new UpdateRefusedError(reason, { cause: error });
  }
}
