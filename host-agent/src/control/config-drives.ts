// Config drives: ISO images that carry an appliance's identity and first document into its VM, or folders of their files for
// a process in a namespace. They hold private keys, and so lie only in the run directory, which does not survive a reboot of the machine.
import { createHash } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import {
  type ApplianceSpec,
  type Bootstrap,
  BootstrapSchema,
  type ConfigDrive,
  type ControlNic,
  validator,
} from '@isthmus/contract';
import type { Host } from '@isthmus/host';

export const bootstrapValidator = validator(BootstrapSchema);

const configName = 'config.json';
const digestName = 'config.json.sha256';

/** What a drive holds. `digest` is the SHA-256 of `config` in hexadecimal. */
interface Content {
  readonly config: string;
  readonly digest: string;
}

/** Text of `config.json`, what a drive says. */
function configDriveText(id: string, spec: ApplianceSpec, control: ControlNic, bootstrap: Bootstrap): string {
  const nics = spec.nics.map(({ name, macAddress }) => ({ name, macAddress }));
  const drive: ConfigDrive = { id, kind: spec.kind, bootstrap, control, nics };
  return `${JSON.stringify(drive)}\n`;
}

export class ConfigDrives {
  readonly #host: Host;
  readonly #directory: string;

  /** `run` is the host agent's directory on a file system in memory. */
  constructor(host: Host, run: string) {
    this.#host = host;
    this.#directory = `${run}/config-drives`;
  }

  /** Keeps what the appliance's next start is to find on its drive. */
  async put(id: string, bootstrap: Bootstrap): Promise<void> {
    const { files } = this.#host;
    // QEMU, which has no privileges, passes through to the image that it may read; the rest is root's.
    await files.makeDirectory(this.#directory, { mode: 0o711 });
    await files.makeDirectory(this.#pathOf(id), { mode: 0o711 });
    await files.writeText(this.#bootstrapPath(id), JSON.stringify(bootstrap), { mode: 0o600 });
  }

  has(id: string): Promise<boolean> {
    return this.#host.files.exists(this.#bootstrapPath(id));
  }

  /** Path of the image for an appliance's next start; null where it has no drive. The same content is the same file. */
  async image(id: string, spec: ApplianceSpec, control: ControlNic): Promise<string | null> {
    const { files } = this.#host;
    const content = await this.#content(id, spec, control);
    if (content === null) return null;
    const image = `${this.#pathOf(id)}/config.iso`;
    const known = await files.readTextIfExists(this.#digestPath(id));
    if (known !== content.digest || !(await files.exists(image))) await this.#build(id, image, content);
    return image;
  }

  /**
   * Writes into `folder` what the image would hold, and nothing where the appliance has no drive. Whoever may enter the
   * folder may read it. The same content is not written again.
   */
  async spread(id: string, spec: ApplianceSpec, control: ControlNic, folder: string): Promise<void> {
    const { files } = this.#host;
    const content = await this.#content(id, spec, control);
    const digestPath = `${folder}/${digestName}`;
    await files.makeDirectory(folder, { mode: 0o750 });
    const known = await files.readTextIfExists(digestPath);
    if (content !== null && known === `${content.digest}\n`) return;
    // The digest goes first and comes last: whoever reads in between finds no whole drive.
    for (const name of [digestName, configName]) await files.remove(`${folder}/${name}`);
    if (content === null) return;
    await files.writeText(`${folder}/${configName}`, content.config);
    await files.writeText(digestPath, `${content.digest}\n`);
  }

  /** Removes an appliance's drive and what it was made of. No error where it has none. */
  remove(id: string): Promise<void> {
    return this.#host.files.remove(this.#pathOf(id));
  }

  async #content(id: string, spec: ApplianceSpec, control: ControlNic): Promise<Content | null> {
    const text = await this.#host.files.readTextIfExists(this.#bootstrapPath(id));
    if (text === null) return null;
    const bootstrap: unknown = JSON.parse(text);
    if (!bootstrapValidator.check(bootstrap))
      throw new Error(`appliance ${id}: its config drive's bootstrap is damaged`);
    const config = configDriveText(id, spec, control, bootstrap);
    return { config, digest: createHash('sha256').update(config).digest('hex') };
  }

  async #build(id: string, image: string, { config, digest }: Content): Promise<void> {
    const { files, commands } = this.#host;
    const build = `${this.#pathOf(id)}/build`;
    await files.remove(build);
    // xorriso makes its image for all to read: nobody else can enter while it does.
    await files.makeDirectory(build, { mode: 0o700 });
    await files.makeDirectory(`${build}/content`, { mode: 0o700 });
    await files.writeText(`${build}/content/${configName}`, config, { mode: 0o600 });
    await files.writeText(`${build}/content/${digestName}`, `${digest}\n`, { mode: 0o600 });
    const format = ['-as', 'mkisofs', '-quiet', '-V', 'ISTHMUS', '-R', '-J'];
    await commands.run('xorriso', [...format, '-o', `${build}/config.iso`, `${build}/content`]);
    await chmod(`${build}/config.iso`, 0o600);
    // A new file: the VM that runs keeps the one that it was started with.
    await files.rename(`${build}/config.iso`, image);
    await files.writeText(this.#digestPath(id), digest, { mode: 0o600 });
    await files.remove(build);
  }

  #pathOf(id: string): string {
    return `${this.#directory}/${id}`;
  }

  #bootstrapPath(id: string): string {
    return `${this.#pathOf(id)}/bootstrap.json`;
  }

  #digestPath(id: string): string {
    return `${this.#pathOf(id)}/config.sha256`;
  }
}
