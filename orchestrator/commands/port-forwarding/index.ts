import type { Command } from '../declaration.ts';
import { createPortForwardingRule } from './create-port-forwarding-rule.ts';
import { deletePortForwardingRule } from './delete-port-forwarding-rule.ts';
import { listPortForwardingRules } from './list-port-forwarding-rules.ts';
import { updatePortForwardingRule } from './update-port-forwarding-rule.ts';

export const commands: readonly Command[] = [
  createPortForwardingRule,
  updatePortForwardingRule,
  deletePortForwardingRule,
  listPortForwardingRules,
];
