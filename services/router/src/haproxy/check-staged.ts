// HAProxy's own checker over what is new, beside what serves.
import { CommandError, type Host } from '@isthmus/host';
import { CheckError } from '../service.ts';
import { HaproxyFiles } from './files.ts';
import { type HaproxyLayout, ruleIdIn, stagedLayout } from './layout.ts';
import { type BalancerEntries, certificateTexts, globalTexts, type ProxyChange, proxyTexts } from './proxies.ts';

/** What is checked. */
export interface Staged {
  readonly way: string;
  readonly changes: readonly ProxyChange[];
  readonly exchanged: readonly string[];
}

/** Rules whose proxies are new in more than their members, and for each certificate that is exchanged one that has it. */
function rulesToCheck(entries: BalancerEntries, { way, changes, exchanged }: Staged): Set<string> {
  const rules = new Set(way === 'runtime' ? [] : changes.flatMap(({ id, after }) => (after === null ? [] : [id])));
  for (const certificate of exchanged) {
    for (const [id, rule] of entries.rules) {
      if (!rule.certificates.includes(certificate)) continue;
      rules.add(id);
      break;
    }
  }
  return rules;
}

function pathsIn(detail: string): string[] {
  const rules = detail.split('\n').flatMap((line) => ruleIdIn(line) ?? []);
  return rules.length === 0 ? ['loadBalancing'] : [...new Set(rules)].map((id) => `loadBalancing.rules.${id}`);
}

/** Writes the files of what is new into a directory of its own and has them read. Throws CheckError with HAProxy's words. */
export async function checkStaged(
  host: Host,
  layout: HaproxyLayout,
  entries: BalancerEntries,
  staged: Staged,
): Promise<void> {
  const rules = rulesToCheck(entries, staged);
  if (entries.settings === null || rules.size === 0) return;
  const where = stagedLayout(layout);
  const files = new HaproxyFiles(host.files, where);
  try {
    await files.remove();
    await files.makeDirectories();
    await files.write(globalTexts(entries.settings, where));
    const certificates = [...rules].flatMap((id) => entries.rules.get(id)?.certificates ?? []);
    await files.write(certificateTexts(new Set(certificates), entries, where));
    for (const id of rules) {
      const texts = proxyTexts(id, entries.proxied(id, where), where);
      await files.write(new Map([...texts].filter(([, text]) => text !== null)));
    }
    await host.commands.run('haproxy', ['-c', '-q', '-f', where.config]);
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === null) throw error;
    const detail = error.stderr.replaceAll(`${where.run}/`, '');
    throw new CheckError('haproxy refused the rules of the section loadBalancing', detail, pathsIn(error.stderr), {
      cause: error,
    });
  } finally {
    await files.remove();
  }
}
