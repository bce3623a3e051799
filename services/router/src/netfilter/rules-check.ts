// Does the kernel filter as the document says? Its rules and sets are read back and compared as rules, whatever their
// spelling: CloudStack's check looks for strings.
import {
  diffRuleSets,
  type Family,
  type IpSet,
  parseIpSetSave,
  parseSave,
  type RuleSet,
  tableNames,
} from '@isthmus/iptables-ts';
import type { CheckFinding } from '../service.ts';
import type { NetfilterKernel } from './kernel.ts';

/** What the kernel should have. */
interface WantedRules {
  ruleSet(): RuleSet<Family>;
  sets(): readonly IpSet<Family>[];
}

/** Where a check looks, and what it expects there. */
export interface RulesCheck {
  readonly kernel: NetfilterKernel;
  readonly namePrefix: string;
  readonly family: Family;
  /** Null: no rules were loaded yet. */
  wanted(): WantedRules | null;
  pause(): Promise<void>;
}

/** Chains of a table that a finding names. */
const mostNamed = 8;

function named(names: readonly string[]): string {
  const rest = names.length - mostNamed;
  return `${names.slice(0, mostNamed).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function wrongChains(found: RuleSet<Family>, wanted: RuleSet<Family>): string[] {
  const everyTable = Object.fromEntries(tableNames.map((table) => [table, wanted[table] ?? new Map()]));
  const difference = diffRuleSets(found, everyTable);
  return tableNames.flatMap((table) => {
    const part = difference[table];
    if (part === undefined) return [];
    const names = [...part.policies.keys(), ...part.flushed, ...part.declared, ...part.deleted];
    return [`table ${table}: ${named([...new Set(names)])}`];
  });
}

function wrongSets(found: readonly IpSet<Family>[], wanted: readonly IpSet<Family>[]): string[] {
  const members = new Map(found.map((set) => [set.name, new Set<string>(set.members)]));
  return wanted
    .filter(({ name, members: expected }) => {
      const actual = members.get(name);
      return actual === undefined || actual.size !== expected.length || expected.some((each) => !actual.has(each));
    })
    .map(({ name }) => name);
}

/** Throws CommandError or IptablesTextError. */
async function faultsOf({ kernel, namePrefix, family }: RulesCheck, wanted: WantedRules): Promise<string[]> {
  const rules = parseSave(await kernel.save(), family);
  const sets = parseIpSetSave(await kernel.saveSets(namePrefix), family);
  const wrong = wrongSets(sets, wanted.sets());
  return [...wrongChains(rules, wanted.ruleSet()), ...(wrong.length === 0 ? [] : [`sets: ${named(wrong)}`])];
}

/** Looks again where something differs: a change may have been under way. */
export async function checkRules(check: RulesCheck): Promise<CheckFinding> {
  const of = check.family === 6 ? ' of IPv6' : '';
  let faults: string[] = [];
  for (let look = 0; look < 2; look += 1) {
    if (look > 0) await check.pause();
    const wanted = check.wanted();
    if (wanted === null) return { status: 'UNKNOWN', detail: `no rules${of} were loaded yet` };
    faults = await faultsOf(check, wanted);
    if (faults.length === 0) {
      return { status: 'SUCCESS', detail: `the rules and sets${of} of the kernel are those of the document` };
    }
  }
  return { status: 'FAILURE', detail: `not as the document has it${of}: ${faults.join('; ')}` };
}
