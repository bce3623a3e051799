import type { Command } from '../declaration.ts';
import { networkRuleCommands } from '../network-rule/commands.ts';
import { routingKind } from '../network-rule/kind.ts';
import { updateRoutingFirewallRule } from './update-routing-firewall-rule.ts';

/** createRoutingFirewallRule, deleteRoutingFirewallRule, listRoutingFirewallRules, updateRoutingFirewallRule. */
export const commands: readonly Command[] = [...networkRuleCommands(routingKind), updateRoutingFirewallRule];
