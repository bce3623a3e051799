// Section `routing`: NICs, addresses and default routes.
import * as Type from 'typebox';
import {
  InterfaceNameSchema,
  Ipv4AddressSchema,
  Ipv6AddressSchema,
  MacAddressSchema,
  PrefixLength6Schema,
  PrefixLengthSchema,
} from '../values.ts';

const closed = { additionalProperties: false } as const;

/** An IPv6 address of a NIC with the length of its prefix. */
const InterfaceIpv6Schema = Type.Object({ address: Ipv6AddressSchema, prefixLength: PrefixLength6Schema }, closed);

/** One NIC. `macAddress` finds the device; `address` is the NIC's own; `mtu` in bytes; `ipv6` of a dual-stack network. */
export const InterfaceSchema = Type.Object(
  {
    name: InterfaceNameSchema,
    role: Type.Enum(['guest', 'public', 'control']),
    macAddress: MacAddressSchema,
    mtu: Type.Integer({ minimum: 576, maximum: 9216 }),
    address: Ipv4AddressSchema,
    prefixLength: PrefixLengthSchema,
    ipv6: Type.Optional(InterfaceIpv6Schema),
  },
  closed,
);

/** NICs and the default routes; further public addresses are entries of `routing.publicAddresses`. */
export const RoutingSettingsSchema = Type.Object(
  {
    interfaces: Type.Array(InterfaceSchema, { maxItems: 16 }),
    defaultGateway: Type.Optional(Type.Object({ address: Ipv4AddressSchema, interface: InterfaceNameSchema }, closed)),
    defaultGatewayIpv6: Type.Optional(
      Type.Object({ address: Ipv6AddressSchema, interface: InterfaceNameSchema }, closed),
    ),
  },
  closed,
);

/** A further public address on a public NIC, beside the NIC's own. */
export const PublicAddressSchema = Type.Object(
  { address: Ipv4AddressSchema, prefixLength: PrefixLengthSchema, interface: InterfaceNameSchema },
  closed,
);
