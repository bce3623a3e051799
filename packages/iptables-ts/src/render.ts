import type { Rule, RuleSet } from './model.ts';

/** One `-A` line of iptables-restore, without the newline. */
export function renderRule(chain: string, rule: Rule): string {
  return `-A ${chain} ${rule.target.kind}`;
}

/** A rule set as the text that iptables-restore reads: tables and chains in a fixed order. */
export function renderRuleSet(ruleSet: RuleSet): string {
  return Object.keys(ruleSet).join('\n');
}
