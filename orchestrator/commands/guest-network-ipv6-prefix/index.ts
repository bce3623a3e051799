import type { Command } from '../declaration.ts';
import { createGuestNetworkIpv6Prefix } from './create-guest-network-ipv6-prefix.ts';
import { deleteGuestNetworkIpv6Prefix } from './delete-guest-network-ipv6-prefix.ts';
import { listGuestNetworkIpv6Prefixes } from './list-guest-network-ipv6-prefixes.ts';

/** Commands on the IPv6 prefixes of zones. */
export const commands: readonly Command[] = [
  createGuestNetworkIpv6Prefix,
  deleteGuestNetworkIpv6Prefix,
  listGuestNetworkIpv6Prefixes,
];
