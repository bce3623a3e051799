// JSON Schema types of the values of packages/net. A string of the document is one of these or an enumeration:
// no free text of a tenant reaches an appliance without a type that excludes line breaks and quotes.
import {
  type Fqdn,
  type Hostname,
  type InterfaceName,
  type Ipv4Address,
  type Ipv4Cidr,
  type Ipv6Address,
  type Ipv6Cidr,
  isFqdn,
  isHostname,
  isInterfaceName,
  isIpv4Address,
  isIpv4Cidr,
  isIpv6Address,
  isIpv6Cidr,
  isMacAddress,
  type MacAddress,
  parseIpv6Address,
  parseIpv6Cidr,
} from '@isthmus/net';
import * as Type from 'typebox';
import Format from 'typebox/format';

Format.Set('ipv4-address', isIpv4Address);
Format.Set('ipv4-cidr', isIpv4Cidr);
// One spelling of each address, so that equal documents have equal hashes.
Format.Set('ipv6-address', (text) => isIpv6Address(text) && parseIpv6Address(text) === text);
Format.Set('ipv6-cidr', (text) => isIpv6Cidr(text) && parseIpv6Cidr(text) === text);
Format.Set('mac-address', (text) => isMacAddress(text) && text === text.toLowerCase());
Format.Set('host-name', (text) => isHostname(text) && text === text.toLowerCase());
Format.Set('fqdn', (text) => isFqdn(text) && text === text.toLowerCase());
Format.Set('interface-name', isInterfaceName);

export const Ipv4AddressSchema = Type.Unsafe<Ipv4Address>(Type.String({ format: 'ipv4-address', maxLength: 15 }));
export const Ipv4CidrSchema = Type.Unsafe<Ipv4Cidr>(Type.String({ format: 'ipv4-cidr', maxLength: 18 }));
export const Ipv6AddressSchema = Type.Unsafe<Ipv6Address>(Type.String({ format: 'ipv6-address', maxLength: 45 }));
export const Ipv6CidrSchema = Type.Unsafe<Ipv6Cidr>(Type.String({ format: 'ipv6-cidr', maxLength: 49 }));
export const MacAddressSchema = Type.Unsafe<MacAddress>(Type.String({ format: 'mac-address', maxLength: 17 }));
export const HostnameSchema = Type.Unsafe<Hostname>(Type.String({ format: 'host-name', maxLength: 63 }));
export const FqdnSchema = Type.Unsafe<Fqdn>(Type.String({ format: 'fqdn', maxLength: 253 }));
export const InterfaceNameSchema = Type.Unsafe<InterfaceName>(Type.String({ format: 'interface-name', maxLength: 15 }));
export const PrefixLengthSchema = Type.Integer({ minimum: 0, maximum: 32 });
/** Of an IPv6 network. */
export const PrefixLength6Schema = Type.Integer({ minimum: 0, maximum: 128 });
export const PortSchema = Type.Integer({ minimum: 1, maximum: 65535 });
/** Closed range; that `first` is not after `last` is a cross-reference check of the agent. */
export const PortRangeSchema = Type.Object({ first: PortSchema, last: PortSchema }, { additionalProperties: false });
/** Identifier of an entry: the UUID of the row that it was compiled from, or another short token. */
export const EntryIdSchema = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' });
