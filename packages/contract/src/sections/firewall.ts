// Section `firewall`: who may speak to whom through the router.
import * as Type from 'typebox';
import { InterfaceNameSchema, Ipv4AddressSchema, Ipv4CidrSchema, Ipv6CidrSchema, PortRangeSchema } from '../values.ts';

const closed = { additionalProperties: false } as const;

/**
 * `egressDefault`: what egress does where no egress rule matches. With `allow`, the egress rules deny. `isRouted`: guests
 * are reached at their own addresses, without NAT; `firewall.routed` decides both ways, `ingress` and `egress` are empty.
 * `guestNetworkIpv6` of a dual-stack network: `firewall.ipv6` decides both ways.
 */
export const FirewallSettingsSchema = Type.Object(
  {
    guestInterface: InterfaceNameSchema,
    publicInterface: Type.Optional(InterfaceNameSchema),
    guestNetwork: Ipv4CidrSchema,
    egressDefault: Type.Enum(['allow', 'deny']),
    isRouted: Type.Optional(Type.Boolean()),
    guestNetworkIpv6: Type.Optional(Ipv6CidrSchema),
  },
  closed,
);

/** Type and code as ICMP has them (RFC 792, 4443); -1, as in the CloudStack API, means any. */
const IcmpSchema = Type.Object(
  {
    type: Type.Integer({ minimum: -1, maximum: 255 }),
    code: Type.Integer({ minimum: -1, maximum: 255 }),
  },
  closed,
);

const protocolFields = {
  protocol: Type.Enum(['tcp', 'udp', 'icmp', 'all']),
  /** tcp and udp only; absent: every port. */
  ports: Type.Optional(PortRangeSchema),
  /** icmp only (ICMPv6 in `firewall.ipv6`); absent: every type. */
  icmp: Type.Optional(IcmpSchema),
};

/** Admits traffic to a public address. Without any rule nothing new comes in. `sources` empty means anywhere. */
export const IngressRuleSchema = Type.Object(
  { publicAddress: Ipv4AddressSchema, ...protocolFields, sources: Type.Array(Ipv4CidrSchema, { maxItems: 1000 }) },
  closed,
);

/** Traffic from guests: permitted where `egressDefault` is deny, denied where it is allow. Empty lists mean anywhere. */
export const EgressRuleSchema = Type.Object(
  {
    ...protocolFields,
    sources: Type.Array(Ipv4CidrSchema, { maxItems: 1000 }),
    destinations: Type.Array(Ipv4CidrSchema, { maxItems: 1000 }),
  },
  closed,
);

/**
 * A rule of a routed network. `ingress` admits new connections to guests, where without a rule nothing new comes in;
 * `egress` as EgressRuleSchema. Empty lists mean anywhere. Established traffic returns.
 */
export const RoutedRuleSchema = Type.Object(
  {
    direction: Type.Enum(['ingress', 'egress']),
    ...protocolFields,
    sources: Type.Array(Ipv4CidrSchema, { maxItems: 1000 }),
    destinations: Type.Array(Ipv4CidrSchema, { maxItems: 1000 }),
  },
  closed,
);

/** As RoutedRuleSchema, of a dual-stack network's IPv6; `icmp` is ICMPv6. What neighbour discovery needs passes without a rule. */
export const Ipv6RuleSchema = Type.Object(
  {
    direction: Type.Enum(['ingress', 'egress']),
    ...protocolFields,
    sources: Type.Array(Ipv6CidrSchema, { maxItems: 1000 }),
    destinations: Type.Array(Ipv6CidrSchema, { maxItems: 1000 }),
  },
  closed,
);
