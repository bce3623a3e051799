import type { Command } from '../declaration.ts';
import { assignToLoadBalancerRule } from './assign-to-load-balancer-rule.ts';
import { createLoadBalancerRule } from './create-load-balancer-rule.ts';
import { deleteLoadBalancerRule } from './delete-load-balancer-rule.ts';
import {
  createLBHealthCheckPolicy,
  deleteLBHealthCheckPolicy,
  listLBHealthCheckPolicies,
  updateLBHealthCheckPolicy,
} from './health-check-policy.ts';
import { listLoadBalancerRuleInstances } from './list-load-balancer-rule-instances.ts';
import { listLoadBalancerRules } from './list-load-balancer-rules.ts';
import { removeFromLoadBalancerRule } from './remove-from-load-balancer-rule.ts';
import {
  createLBStickinessPolicy,
  deleteLBStickinessPolicy,
  listLBStickinessPolicies,
  updateLBStickinessPolicy,
} from './stickiness-policy.ts';
import { updateLoadBalancerRule } from './update-load-balancer-rule.ts';

export const commands: readonly Command[] = [
  createLoadBalancerRule,
  updateLoadBalancerRule,
  deleteLoadBalancerRule,
  listLoadBalancerRules,
  listLoadBalancerRuleInstances,
  assignToLoadBalancerRule,
  removeFromLoadBalancerRule,
  createLBStickinessPolicy,
  updateLBStickinessPolicy,
  deleteLBStickinessPolicy,
  listLBStickinessPolicies,
  createLBHealthCheckPolicy,
  updateLBHealthCheckPolicy,
  deleteLBHealthCheckPolicy,
  listLBHealthCheckPolicies,
];
