// Section `metadata`: what an instance may read about itself over HTTP (CloudStack's user data, meta-data, passwords).
import * as Type from 'typebox';
import { HostnameSchema, InterfaceNameSchema, Ipv4AddressSchema } from '../values.ts';

const closed = { additionalProperties: false } as const;

/** One line of printable text without quotes, such as a name of a zone or offering. */
const LineSchema = Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f"\\\\]{0,255}$' });

/** `addresses`: of the router on `interface`, and 169.254.169.254; all answer alike, and to guests of `interface` alone. */
export const MetadataSettingsSchema = Type.Object(
  {
    enabled: Type.Boolean(),
    interface: InterfaceNameSchema,
    addresses: Type.Array(Ipv4AddressSchema, { maxItems: 4 }),
  },
  closed,
);

/**
 * What the guest with `address` reads. `userData` in base64, at most 1 MiB as bytes; `publicKeys` in OpenSSH's format;
 * the other fields are the meta-data of that name (CloudStack: service-offering, availability-zone, local-ipv4,
 * local-hostname, public-ipv4, public-hostname, instance-id, vm-id, cloud-identifier, hypervisor-host-name).
 */
export const MetadataGuestSchema = Type.Object(
  {
    address: Ipv4AddressSchema,
    localHostname: HostnameSchema,
    instanceId: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }),
    vmId: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }),
    serviceOffering: LineSchema,
    availabilityZone: LineSchema,
    publicIpv4: Type.Optional(Ipv4AddressSchema),
    publicHostname: Type.Optional(LineSchema),
    cloudIdentifier: LineSchema,
    hypervisorHostName: Type.Optional(LineSchema),
    publicKeys: Type.Array(Type.String({ pattern: '^[ -~]{1,8192}$' }), { maxItems: 32 }),
    /** Variables of the user data by name, as further items of the meta-data; never over one of CloudStack's. */
    variables: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' }), LineSchema)),
    userData: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', maxLength: 1_398_104 })),
  },
  closed,
);

/** A password for the guest with `address`: given once. `version` tells it from the ones before and after it. Secret. */
export const MetadataPasswordSchema = Type.Object(
  {
    address: Ipv4AddressSchema,
    version: Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }),
    password: Type.String({ pattern: '^[!-~]{1,128}$' }),
  },
  closed,
);
