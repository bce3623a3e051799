// Section `nat`: source NAT, static NAT and port forwards.
import * as Type from 'typebox';
import { InterfaceNameSchema, Ipv4AddressSchema, Ipv4CidrSchema, PortRangeSchema } from '../values.ts';

const closed = { additionalProperties: false } as const;

/** Guests of `guestNetwork` leave by `publicInterface` as `sourceNatAddress`; without it there is no source NAT. */
export const NatSettingsSchema = Type.Object(
  {
    guestInterface: InterfaceNameSchema,
    guestNetwork: Ipv4CidrSchema,
    guestAddress: Ipv4AddressSchema,
    publicInterface: Type.Optional(InterfaceNameSchema),
    sourceNatAddress: Type.Optional(Ipv4AddressSchema),
  },
  closed,
);

/** Ports of a public address forwarded to a guest; both ranges have the same length. */
export const PortForwardSchema = Type.Object(
  {
    publicAddress: Ipv4AddressSchema,
    protocol: Type.Enum(['tcp', 'udp']),
    publicPorts: PortRangeSchema,
    privateAddress: Ipv4AddressSchema,
    privatePorts: PortRangeSchema,
  },
  closed,
);

/** A public address that belongs to one guest, both ways. */
export const StaticNatSchema = Type.Object(
  { publicAddress: Ipv4AddressSchema, privateAddress: Ipv4AddressSchema },
  closed,
);
