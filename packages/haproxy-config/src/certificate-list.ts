// The file of a `crt-list`: the certificates of one listener. The first is the default, the others are chosen by SNI.
import { ConfigSyntaxError, readSections, writeLine } from './config-file.ts';
import { type ConfigPath, parseConfigPath } from './values.ts';

/** The text of a list. */
export function renderCertificateList(paths: readonly ConfigPath[]): string {
  return paths.map((path) => `${writeLine([parseConfigPath(path)])}\n`).join('');
}

/** Reads what `renderCertificateList` writes. Throws ConfigSyntaxError or InvalidValueError. */
export function parseCertificateList(text: string): ConfigPath[] {
  return readSections(text).map(([words = [], ...rest], index) => {
    if (words.length !== 1 || rest.length > 0) throw new ConfigSyntaxError(index + 1, 'expected one path a line');
    return parseConfigPath(words[0] ?? '');
  });
}
