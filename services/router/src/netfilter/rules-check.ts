// Does the kernel filter as the document says? Its rules and sets are read back and compared as rules, whatever their
// spelling: CloudStack's check looks for strings.
import { diffRuleSets, parseIpSetSave, parseSave, tableNames } from '@isthmus/iptables-ts';
import type { CheckFinding } from '../service.ts';
import type { NetfilterKernel } from './kernel.ts';
import type { FilterState } from './state.ts';

/** Chains of a table that a finding names. */
const mostNamed = 8;

function named(names: readonly string[]): string {
  const rest = names.length - mostNamed;
  return `${names.slice(0, mostNamed).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function wrongChains(found: string, state: FilterState): string[] {
  const rules = parseSave(found);
  const wanted = state.ruleSet();
  const everyTable = Object.fromEntries(tableNames.map((table) => [table, wanted[table] ?? new Map()]));
  const difference = diffRuleSets(rules, everyTable);
  return tableNames.flatMap((table) => {
    const part = difference[table];
    if (part === undefined) return [];
    const names = [...part.policies.keys(), ...part.flushed, ...part.declared, ...part.deleted];
    return [`table ${table}: ${named([...new Set(names)])}`];
  });
}

/** A set of either family. */
interface Members {
  readonly name: string;
  readonly members: readonly string[];
}

function wrongSets(found: readonly Members[], wanted: readonly Members[]): string[] {
  const members = new Map(found.map((set) => [set.name, new Set<string>(set.members)]));
  return wanted
    .filter(({ name, members: expected }) => {
      const actual = members.get(name);
      return actual === undefined || actual.size !== expected.length || expected.some((each) => !actual.has(each));
    })
    .map(({ name }) => name);
}

/** What of the kernel's rules and sets is not as the document has them. Throws CommandError or IptablesTextError. */
async function faults(kernel: NetfilterKernel, state: FilterState, namePrefix: string): Promise<string[]> {
  const chains = wrongChains(await kernel.save(), state);
  const sets = wrongSets(parseIpSetSave(await kernel.saveSets(namePrefix)), state.sets());
  return [...chains, ...(sets.length === 0 ? [] : [`sets: ${named(sets)}`])];
}

/** Looks again where something differs: a change may have been under way. */
export async function checkRules(
  kernel: NetfilterKernel,
  stateNow: () => FilterState | null,
  namePrefix: string,
  pause: () => Promise<void>,
): Promise<CheckFinding> {
  let found: string[] = [];
  for (let look = 0; look < 2; look += 1) {
    if (look > 0) await pause();
    const state = stateNow();
    if (state === null) return { status: 'UNKNOWN', detail: 'no rules were loaded yet' };
    found = await faults(kernel, state, namePrefix);
    if (found.length === 0) {
      return { status: 'SUCCESS', detail: 'the rules and sets of the kernel are those of the document' };
    }
  }
  return { status: 'FAILURE', detail: `not as the document has it: ${found.join('; ')}` };
}
