// Section `dhcp`: what every lease of the guest network says (RFC 2131, 2132; DHCPv6: RFC 8415; RA: RFC 4861, 8106).
import * as Type from 'typebox';
import {
  FqdnSchema,
  HostnameSchema,
  InterfaceNameSchema,
  Ipv4AddressSchema,
  Ipv4CidrSchema,
  Ipv6AddressSchema,
  Ipv6CidrSchema,
  MacAddressSchema,
} from '../values.ts';

const closed = { additionalProperties: false } as const;

/**
 * A DHCPv4 option as a tenant gave it: its code and its value as text, such as `https://example.org/` or
 * `10.1.1.9,10.1.1.10`, written as templates/dhcp writes the option's type; hexadecimal bytes begin with `0x`.
 */
export const DhcpOptionSchema = Type.Object(
  {
    code: Type.Integer({ minimum: 1, maximum: 254 }),
    value: Type.String({ pattern: '^[ -~]{1,255}$' }),
  },
  closed,
);

/** `enabled` false (absent: true): nobody gets a lease. Only `dhcp.hosts` get one. `ipv6`: router advertisements and DHCPv6 for `network`, a /64. */
export const DhcpSettingsSchema = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    interface: InterfaceNameSchema,
    network: Ipv4CidrSchema,
    router: Ipv4AddressSchema,
    dnsServers: Type.Array(Ipv4AddressSchema, { minItems: 1, maxItems: 4 }),
    domain: FqdnSchema,
    leaseTimeSeconds: Type.Integer({ minimum: 120, maximum: 4_294_967_294 }),
    mtu: Type.Optional(Type.Integer({ minimum: 576, maximum: 9216 })),
    options: Type.Optional(Type.Array(DhcpOptionSchema, { maxItems: 64 })),
    ipv6: Type.Optional(
      Type.Object(
        {
          network: Ipv6CidrSchema,
          router: Ipv6AddressSchema,
          dnsServers: Type.Array(Ipv6AddressSchema, { minItems: 1, maxItems: 4 }),
        },
        closed,
      ),
    ),
  },
  closed,
);

/**
 * One reserved lease. `isDefault` false: not the instance's default NIC, so that its lease names no router and no
 * resolver. `options` stand before the network's of the same code.
 */
export const DhcpHostSchema = Type.Object(
  {
    macAddress: MacAddressSchema,
    address: Ipv4AddressSchema,
    hostname: HostnameSchema,
    isDefault: Type.Optional(Type.Boolean()),
    ipv6Address: Type.Optional(Ipv6AddressSchema),
    options: Type.Optional(Type.Array(DhcpOptionSchema, { maxItems: 64 })),
  },
  closed,
);
