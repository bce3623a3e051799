import type { IpSet, RuleSet } from './model.ts';

/** A fault of a model: `path` as `filter.INPUT.rules.3.match.destinationPorts`, `message` a sentence. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** The faults that iptables-restore or the kernel would refuse, or that would not mean what they say. */
export function validateRuleSet(_ruleSet: RuleSet): Issue[] {
  return [];
}

/** The faults of one set; `path` starts with the set's name. */
export function validateIpSet(_set: IpSet): Issue[] {
  return [];
}
