import { InvalidValueError, parses } from './invalid-value.ts';

/** One DNS label as a host's name: letters, digits and inner hyphens, 1 to 63 characters, lower case (RFC 1123, 2.1). */
export type Hostname = string & { readonly __brand: 'Hostname' };
/**
 * A domain name of one or more labels without the final dot, at most 253 characters, lower case. Never what software would
 * take for an IPv4 address.
 */
export type Fqdn = string & { readonly __brand: 'Fqdn' };
/** A network interface's name as Linux takes it: 1 to 15 characters, here of letters, digits, `.`, `_` and `-`. */
export type InterfaceName = string & { readonly __brand: 'InterfaceName' };

// Told apart before lower case is made: some letters beyond ASCII, such as the Kelvin sign, have an ASCII lower case.
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

const dottedQuad = /^(?:\d{1,3}\.){3}\d{1,3}$/;

/** Reads a host name of either case into lower case. Throws InvalidValueError. */
export function parseHostname(text: string): Hostname {
  if (!label.test(text)) {
    throw new InvalidValueError(text, 'a host name: 1 to 63 letters, digits and hyphens, no hyphen at either end');
  }
  return text.toLowerCase() as Hostname;
}

export function isHostname(text: string): boolean {
  return parses(() => parseHostname(text));
}

/** Reads a domain name of either case into lower case. Throws InvalidValueError. */
export function parseFqdn(text: string): Fqdn {
  const isName = text.length <= 253 && text.split('.').every((part) => label.test(part));
  if (!isName || dottedQuad.test(text)) {
    throw new InvalidValueError(text, 'a domain name such as cs1.example.org, at most 253 characters');
  }
  return text.toLowerCase() as Fqdn;
}

export function isFqdn(text: string): boolean {
  return parses(() => parseFqdn(text));
}

/** Reads an interface name. Throws InvalidValueError. */
export function parseInterfaceName(text: string): InterfaceName {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/.test(text)) {
    throw new InvalidValueError(text, 'an interface name: 1 to 15 letters, digits, dots, underscores and hyphens');
  }
  return text as InterfaceName;
}

export function isInterfaceName(text: string): boolean {
  return parses(() => parseInterfaceName(text));
}
