// apt with a state of its own: only Debian's release of this machine's sources, and no knowledge of what the machine has
// installed.
import { mkdir, rm } from 'node:fs/promises';
import type { Architecture } from '@isthmus/appliances';
import { CommandError, type Host } from '@isthmus/host';
import { ImageBuildError } from '../image-build-error.ts';
import { type DebianSource, readDebianSources, sourcesText } from './sources.ts';

const minutes = 60_000;

/** A file of an archive, as `apt-get --print-uris` tells it. `file`: its name with `:` of the version as `%3a`. */
export interface DebianFile {
  readonly url: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** apt in a folder of its own. */
export interface Apt {
  readonly sources: readonly DebianSource[];
  /** Seconds since 1970: the newest of the archives' dates. */
  readonly archiveDate: number;
  /** The files of these packages and of all that they depend on, except `without` and what only those depend on. */
  resolve(packages: readonly string[], without: readonly string[]): Promise<DebianFile[]>;
  /** The files of these packages alone. */
  filesOf(packages: readonly string[]): Promise<DebianFile[]>;
}

/** The lines of `apt-get --print-uris`: `'URL' FILE BYTES SHA256:HASH`. */
export function parseUris(text: string): DebianFile[] {
  const lines = text.matchAll(/^'([^']+)' (\S+) (\d+) SHA256:([0-9a-f]{64})$/gm);
  return Array.from(lines, ([, url = '', file = '', bytes = '', sha256 = '']) => ({
    url,
    file,
    bytes: Number(bytes),
    sha256,
  }));
}

/** A dpkg status that takes these packages for installed. */
function statusOf(names: readonly string[], architecture: Architecture): string {
  return names
    .map(
      (name) =>
        `Package: ${name}\nStatus: install ok installed\nArchitecture: ${architecture}\nMulti-Arch: foreign\n` +
        'Version: 9999:1\nMaintainer: none\nDescription: left out of images\n',
    )
    .join('\n');
}

async function archiveDate(host: Host, lists: string): Promise<number> {
  const names = (await host.files.list(lists)).filter((name) => /_(?:In)?Release$/.test(name));
  const texts = await Promise.all(names.map((name) => host.files.readText(`${lists}/${name}`)));
  const dates = texts.map((text) => Date.parse(/^Date: (.*)$/m.exec(text)?.[1] ?? '') / 1000);
  return Math.max(...dates.filter((date) => Number.isInteger(date)));
}

/** Reads the archives' lists anew into `folder`. Throws ImageBuildError where no mirror answers. */
export async function openApt(host: Host, folder: string, architecture: Architecture): Promise<Apt> {
  const sources = await readDebianSources(host.files);
  const lists = `${folder}/state/lists`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(`${lists}/partial`, { recursive: true });
  await mkdir(`${folder}/cache/archives/partial`, { recursive: true });
  await host.files.writeText(`${folder}/sources.list`, sourcesText(sources));
  const status = `${folder}/status`;
  const settings = [
    `Dir::State=${folder}/state`,
    `Dir::State::status=${status}`,
    `Dir::Cache=${folder}/cache`,
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    'Dir::Etc::preferences=/dev/null',
    'Dir::Etc::preferencesparts=/dev/null',
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    'APT::Install-Recommends=false',
    'Acquire::ForceHash=SHA256',
    'Acquire::Languages=none',
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  const apt = async (args: readonly string[]) => {
    try {
      return await host.commands.run('apt-get', [...settings, ...args], { timeoutMs: 5 * minutes });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const words = `${error.stdout}${error.stderr}`.trim().split('\n').slice(-6).join('\n  ');
      throw new ImageBuildError(`apt-get ${args[0]} failed:\n  ${words}`, { cause: error });
    }
  };
  await host.files.writeText(status, '');
  await apt(['update', '--error-on=any']);
  return {
    sources,
    archiveDate: await archiveDate(host, lists),
    resolve: async (packages, without) => {
      await host.files.writeText(status, statusOf(without, architecture));
      const { stdout } = await apt(['install', '--yes', '--print-uris', ...packages]);
      return parseUris(stdout);
    },
    filesOf: async (packages) => parseUris((await apt(['download', '--print-uris', ...packages])).stdout),
  };
}
