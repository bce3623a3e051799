// testssl.sh: what a TLS server offers that it should not.
import type { Host } from '@isthmus/host';

/** One finding of testssl.sh, as its flat JSON has it. */
interface TlsFinding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** Severities that say nothing bad, or nothing that matters. */
const harmless: readonly string[] = ['OK', 'INFO', 'LOW', 'DEBUG'];
/** About the scanner's own OpenSSL, not about the server. */
const aboutScanner = 'engine_problem';

const checks = ['--protocols', '--std', '--fs', '--server-preference', '--vulnerable'];

/**
 * What testssl.sh finds of a server's protocols, ciphers and known vulnerabilities, and what of that is above LOW.
 * `resultPath` is a file that is not there yet. Throws with what it said where it did not finish.
 */
export async function tlsFindings(host: Host, target: string, resultPath: string) {
  const quiet = ['--quiet', '--color', '0', '--warnings', 'batch', '--nodns', 'none'];
  const options = [...quiet, '--jsonfile', resultPath, '--openssl', '/usr/bin/openssl', ...checks];
  const okCodes = Array.from({ length: 256 }, (_, code) => code);
  const { stdout } = await host.commands.run('testssl', [...options, target], { okCodes, timeoutMs: 800_000 });
  const text = await host.files.readTextIfExists(resultPath);
  if (text === null) throw new Error(`testssl.sh wrote no results: ${stdout}`);
  const all = (JSON.parse(text) as TlsFinding[]).filter(({ id }) => id !== aboutScanner);
  return { all, bad: all.filter(({ severity }) => !harmless.includes(severity)) };
}
