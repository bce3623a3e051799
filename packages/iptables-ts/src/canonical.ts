// One spelling for each meaning, so that a model compares equal with what the kernel tells back.
import { type Chain, type Family, type Match, type Rule, type RuleSet, tableNames } from './model.ts';
import { builtInChains, isBuiltInChain } from './names.ts';
import { chainOrder, conntrackStateOrder } from './render.ts';

const fieldOrder = ['inInterface', 'outInterface', 'source', 'destination'] as const;

/** The match without what says nothing (0.0.0.0/0 not negated, empty lists), its lists in the order of iptables-save. */
export function canonicalMatch<F extends Family = 4>(match: Match<F>): Match<F> {
  const { source, destination, conntrackStates, sets, not, ...rest } = match;
  const negated = fieldOrder.filter((field) => not?.includes(field) === true && match[field] !== undefined);
  const says = (field: 'source' | 'destination', cidr: string) => negated.includes(field) || !cidr.endsWith('/0');
  return {
    ...rest,
    ...(source !== undefined && says('source', source) ? { source } : {}),
    ...(destination !== undefined && says('destination', destination) ? { destination } : {}),
    ...(conntrackStates === undefined
      ? {}
      : { conntrackStates: conntrackStateOrder.filter((state) => conntrackStates.includes(state)) }),
    ...(sets === undefined || sets.length === 0
      ? {}
      : {
          sets: sets.map(({ name, direction, negated: isNegated }) => ({
            name,
            direction,
            ...(isNegated === true ? { negated: true } : {}),
          })),
        }),
    ...(negated.length === 0 ? {} : { not: negated }),
  };
}

/** The rule with its match in canonical form. */
export function canonicalRule<F extends Family = 4>(rule: Rule<F>): Rule<F> {
  return { match: canonicalMatch(rule.match), target: rule.target };
}

/**
 * The rule set as iptables-save would give it back: every built-in chain of a table that is present, policies written
 * out, chains in canonical order, rules in canonical form. `parseSave(renderRuleSet(m))` equals this for a valid m.
 */
export function canonicalRuleSet<F extends Family = 4>(ruleSet: RuleSet<F>): RuleSet<F> {
  const tables = tableNames.flatMap((table) => {
    const chains = ruleSet[table];
    if (chains === undefined) return [];
    const names = chainOrder(table, [...builtInChains[table], ...chains.keys()]);
    const entries = names.map((name): [string, Chain<F>] => {
      const chain = chains.get(name);
      const rules = (chain?.rules ?? []).map((rule) => canonicalRule(rule));
      return [name, isBuiltInChain(table, name) ? { policy: chain?.policy ?? 'ACCEPT', rules } : { rules }];
    });
    return [[table, new Map(entries)] as const];
  });
  return Object.fromEntries(tables);
}
