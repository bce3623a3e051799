// Which mirrors of Debian this machine uses: its own apt sources, read in both of apt's formats.
import { debianRelease } from '@isthmus/appliances';
import type { Files } from '@isthmus/host';
import { ImageBuildError } from '../image-build-error.ts';

/** One archive: where it is, its suite, its components, and the key that signs it. */
export interface DebianSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  readonly signedBy: string | null;
}

/** Suites of the release; others that a machine may have (backports, the next release) never reach an image. */
const suites = [debianRelease, `${debianRelease}-security`, `${debianRelease}-updates`];
const listFolder = '/etc/apt/sources.list.d';

/** The paragraphs of a deb822 file as fields; a line that begins with a blank goes on with the field before it. */
function paragraphs(text: string): Record<string, string>[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const blocks = lines.join('\n').split(/\n\s*\n/);
  return blocks.map((block) => {
    const fields = block.replace(/\n[ \t]+/g, ' ').matchAll(/^([A-Za-z-]+):[ \t]*(.*)$/gm);
    return Object.fromEntries(Array.from(fields, ([, name = '', value = '']) => [name.toLowerCase(), value.trim()]));
  });
}

/** Sources of a deb822 file (`*.sources`). */
export function parseDeb822(text: string): DebianSource[] {
  const words = (value = '') => value.split(/\s+/).filter((word) => word !== '');
  return paragraphs(text)
    .filter(({ types, enabled }) => words(types).includes('deb') && enabled !== 'no')
    .flatMap((fields) =>
      words(fields.uris).flatMap((uri) =>
        words(fields.suites).map((suite) => ({
          uri: uri.replace(/\/+$/, ''),
          suite,
          components: words(fields.components),
          signedBy: fields['signed-by']?.startsWith('/') ? fields['signed-by'] : null,
        })),
      ),
    );
}

/** Sources of a one-line file (`*.list`). */
export function parseOneLine(text: string): DebianSource[] {
  const lines = text.matchAll(/^[ \t]*deb[ \t]+(?:\[([^\]]*)\][ \t]+)?(\S+)[ \t]+(\S+)((?:[ \t]+[^\s#]+)*)/gm);
  return Array.from(lines, ([, options = '', uri = '', suite = '', components = '']) => ({
    uri: uri.replace(/\/+$/, ''),
    suite,
    components: components.split(/\s+/).filter((word) => word !== ''),
    signedBy: /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1] ?? null,
  }));
}

function isDebian({ suite, components }: DebianSource): boolean {
  return suites.includes(suite) && components.includes('main');
}

/** The machine's sources of the release, `main` alone. Throws ImageBuildError where it has none. */
export async function readDebianSources(files: Files): Promise<DebianSource[]> {
  const names = (await files.list(listFolder)).map((name) => `${listFolder}/${name}`);
  const read = async (path: string, parse: (text: string) => DebianSource[]) =>
    parse((await files.readTextIfExists(path)) ?? '');
  const lists = await Promise.all([
    read('/etc/apt/sources.list', parseOneLine),
    ...names.filter((name) => name.endsWith('.list')).map((name) => read(name, parseOneLine)),
    ...names.filter((name) => name.endsWith('.sources')).map((name) => read(name, parseDeb822)),
  ]);
  const sources = lists.flat().filter(isDebian);
  if (!sources.some(({ suite }) => suite === debianRelease)) {
    throw new ImageBuildError(
      `this machine's apt sources (/etc/apt) name no Debian "${debianRelease}" with "main": images are made of that release.`,
    );
  }
  return sources.map((source) => ({ ...source, components: ['main'] }));
}

/** A file of apt for exactly these sources. */
export function sourcesText(sources: readonly DebianSource[]): string {
  return sources
    .map(({ uri, suite, components, signedBy }) => {
      const options = signedBy === null ? '' : `[signed-by=${signedBy}] `;
      return `deb ${options}${uri} ${suite} ${components.join(' ')}\n`;
    })
    .join('');
}
