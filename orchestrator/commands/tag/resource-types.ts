// What can be tagged.
import type { EntityName } from '../entities.ts';

/** Entities that can be tagged, by CloudStack's names (ResourceObjectType). */
export const taggable = {
  UserVm: 'virtual_machine',
  Network: 'network',
  PublicIpAddress: 'public_ip_address',
  FirewallRule: 'firewall_rule',
  PortForwardingRule: 'port_forwarding_rule',
  LoadBalancer: 'load_balancer_rule',
  Template: 'template',
} as const satisfies Readonly<Record<string, EntityName>>;

/** CloudStack's name of what can be tagged. */
export type ResourceType = keyof typeof taggable;
export const resourceTypes = Object.keys(taggable) as [ResourceType, ...ResourceType[]];

const entities: ReadonlySet<string> = new Set(Object.values(taggable));

/** True where rows of the entity can be tagged. */
export function isTaggable(entity: EntityName): boolean {
  return entities.has(entity);
}
