import type { Command } from '../declaration.ts';
import { createEgressFirewallRule } from './create-egress-firewall-rule.ts';
import { createFirewallRule } from './create-firewall-rule.ts';
import { deleteEgressFirewallRule } from './delete-egress-firewall-rule.ts';
import { deleteFirewallRule } from './delete-firewall-rule.ts';
import { listEgressFirewallRules } from './list-egress-firewall-rules.ts';
import { listFirewallRules } from './list-firewall-rules.ts';
import { updateEgressFirewallRule } from './update-egress-firewall-rule.ts';
import { updateFirewallRule } from './update-firewall-rule.ts';

export const commands: readonly Command[] = [
  createFirewallRule,
  updateFirewallRule,
  deleteFirewallRule,
  listFirewallRules,
  createEgressFirewallRule,
  updateEgressFirewallRule,
  deleteEgressFirewallRule,
  listEgressFirewallRules,
];
