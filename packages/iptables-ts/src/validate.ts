// What iptables-restore, the kernel or ipset would refuse, or would take to mean something else. Rules: validate-rule.ts.
import { families } from './families.ts';
import type { Issue } from './issue.ts';
import { type Chain, type Family, type IpSet, type RuleSet, type TableName, tableNames } from './model.ts';
import {
  builtInChains,
  isBuiltInChain,
  isChainName,
  isReservedChainName,
  isSetName,
  maxChainDepth,
  maxChainNameLength,
  maxSetNameLength,
} from './names.ts';
import { hookIssues, ruleIssues } from './validate-rule.ts';

export type { Issue } from './issue.ts';

type Chains = ReadonlyMap<string, Chain<Family>>;

function chainIssues(table: TableName, name: string, chain: Chain<Family>): Issue[] {
  const path = `${table}.${name}`;
  const issues: Issue[] = [];
  const fault = (message: string): void => {
    issues.push({ path, message });
  };
  if (isBuiltInChain(table, name)) {
    if (chain.policy === 'DROP' && table === 'nat') fault('has policy DROP: the nat table is not for filtering');
    return issues;
  }
  if (chain.policy !== undefined) fault(`has a policy: only the built-in chains of ${table} have one`);
  if (isReservedChainName(name)) fault('has the name of a target or of another table’s built-in chain');
  if (!isChainName(name)) {
    fault(`has no valid name: expected 1 to ${maxChainNameLength} letters, digits, - _ or ., not beginning with -`);
  }
  return issues;
}

function chainTargets(chain: Chain<Family>): { index: number; chain: string }[] {
  return chain.rules.flatMap(({ target }, index) =>
    target.kind === 'jump' || target.kind === 'goto' ? [{ index, chain: target.chain }] : [],
  );
}

function targetIssues(table: TableName, chains: Chains): Issue[] {
  return [...chains].flatMap(([name, chain]) =>
    chainTargets(chain).flatMap(({ index, chain: target }) => {
      const path = `${table}.${name}.rules.${index}.target.chain`;
      if (isBuiltInChain(table, target))
        return [{ path, message: `${target} is a built-in chain: nothing jumps there` }];
      return chains.has(target) ? [] : [{ path, message: `${target} is no chain of the table ${table}` }];
    }),
  );
}

/** Longest way down from every chain, in chains; Infinity where it leads into a loop. */
function depths(chains: Chains): ReadonlyMap<string, number> {
  const known = new Map<string, number>();
  const depthOf = (name: string, above: ReadonlySet<string>): number => {
    if (above.has(name)) return Number.POSITIVE_INFINITY;
    const before = known.get(name);
    if (before !== undefined) return before;
    const path = new Set([...above, name]);
    const targets = new Set(chainTargets(chains.get(name) ?? { rules: [] }).map(({ chain }) => chain));
    const depth = Math.max(0, ...[...targets].filter((t) => chains.has(t)).map((t) => 1 + depthOf(t, path)));
    known.set(name, depth);
    return depth;
  };
  return new Map([...chains.keys()].map((name) => [name, depthOf(name, new Set())]));
}

function depthIssues(table: TableName, chains: Chains): Issue[] {
  return [...depths(chains)].flatMap(([name, depth]) => {
    const path = `${table}.${name}`;
    if (depth === Number.POSITIVE_INFINITY) return [{ path, message: 'jumps lead from it into a loop' }];
    if (!isBuiltInChain(table, name) || depth <= maxChainDepth) return [];
    return [{ path, message: `chains nest ${depth} deep below it: the kernel allows ${maxChainDepth}` }];
  });
}

/** For each chain the built-in chains from which a packet can come to it. */
function hooksOf(table: TableName, chains: Chains): ReadonlyMap<string, ReadonlySet<string>> {
  const hooks = new Map<string, Set<string>>();
  const reach = (name: string, hook: string): void => {
    const reached = hooks.get(name) ?? new Set();
    if (reached.has(hook)) return;
    hooks.set(name, reached.add(hook));
    for (const { chain } of chainTargets(chains.get(name) ?? { rules: [] })) reach(chain, hook);
  };
  for (const hook of builtInChains[table]) reach(hook, hook);
  return hooks;
}

function tableIssues(table: TableName, chains: Chains, family: Family): Issue[] {
  const hooks = hooksOf(table, chains);
  const ofChains = [...chains].flatMap(([name, chain]) => [
    ...chainIssues(table, name, chain),
    ...chain.rules.flatMap((rule, index) => {
      const path = `${table}.${name}.rules.${index}`;
      return [
        ...ruleIssues(path, rule, family),
        ...hookIssues(path, rule, { table, chain: name, hooks: hooks.get(name) }),
      ];
    }),
  ]);
  return [...ofChains, ...targetIssues(table, chains), ...depthIssues(table, chains)];
}

/**
 * The faults that iptables-restore or the kernel would refuse, and those that would not mean what they say. An empty list
 * promises that `iptables-restore --test` takes the rendered text where the sets exist. `path` is
 * `TABLE.CHAIN.rules.INDEX.FIELD`.
 */
export function validateRuleSet(ruleSet: RuleSet): Issue[];
export function validateRuleSet(ruleSet: RuleSet<6>, family: 6): Issue[];
export function validateRuleSet(ruleSet: RuleSet<Family>, family: Family = 4): Issue[] {
  return tableNames.flatMap((table) => {
    const chains = ruleSet[table];
    return chains === undefined ? [] : tableIssues(table, chains, family);
  });
}

/** The faults of one set; `path` starts with the set's name. `setMembers` makes members that fit. */
export function validateIpSet({ name, type, family = 4, members }: IpSet<Family>): Issue[] {
  const issues: Issue[] = [];
  if (!isSetName(name)) {
    const message = `is no set name: expected 1 to ${maxSetNameLength} letters, digits, - _ or ., not beginning with -`;
    issues.push({ path: name, message });
  }
  for (const [index, member] of members.entries()) {
    const path = `${name}.members.${index}`;
    const single = families[family].single;
    if (!families[family].isCidr(member))
      issues.push({ path, message: `${JSON.stringify(member)} is no IPv${family} CIDR` });
    else if (type === 'hash:ip' && !member.endsWith(single)) {
      issues.push({ path, message: `${member} does not fit a hash:ip set: expected a single address, ${single}` });
    } else if (member.endsWith('/0')) {
      issues.push({ path, message: `${member} does not fit a set: use its two halves (setMembers)` });
    }
  }
  if (new Set<string>(members).size < members.length)
    issues.push({ path: `${name}.members`, message: 'holds a CIDR twice' });
  return issues;
}
