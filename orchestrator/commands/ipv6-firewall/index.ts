import type { Command } from '../declaration.ts';
import { networkRuleCommands } from '../network-rule/commands.ts';
import { ipv6Kind } from '../network-rule/kind.ts';
import { updateIpv6FirewallRule } from './update-ipv6-firewall-rule.ts';

/** createIpv6FirewallRule, deleteIpv6FirewallRule, listIpv6FirewallRules, updateIpv6FirewallRule. */
export const commands: readonly Command[] = [...networkRuleCommands(ipv6Kind), updateIpv6FirewallRule];
