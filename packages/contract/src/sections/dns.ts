// Section `dns`: the router answers for the guest domain on the guest NIC and forwards the rest.
import * as Type from 'typebox';
import { FqdnSchema, HostnameSchema, InterfaceNameSchema, Ipv4AddressSchema, Ipv6AddressSchema } from '../values.ts';

const closed = { additionalProperties: false } as const;

/** `enabled` false (absent: true): nothing listens. The rest of the world is asked for at `forwarders`, in order. */
export const DnsSettingsSchema = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    interface: InterfaceNameSchema,
    domain: FqdnSchema,
    forwarders: Type.Array(Ipv4AddressSchema, { maxItems: 8 }),
  },
  closed,
);

/** One name of the guest domain: answered forward (A, AAAA: `hostname` and `hostname.domain`) and reverse (PTR). */
export const DnsRecordSchema = Type.Object(
  { hostname: HostnameSchema, address: Ipv4AddressSchema, ipv6Address: Type.Optional(Ipv6AddressSchema) },
  closed,
);
