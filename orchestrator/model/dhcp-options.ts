// DHCP options as callers of the API give them: objects with `networkid` and `dhcp:CODE`. Pure.
import { InvalidValueError, parseDhcpOptionValue } from '@isthmus/net';
import { isUuid } from './uuid.ts';

/** One option. `value` is as `parseDhcpOptionValue` reads it for `code`. */
export interface DhcpOption {
  readonly code: number;
  readonly value: string;
}

/** Options of the NIC in one network. */
export interface NicDhcpOptions {
  readonly networkId: string;
  readonly options: readonly DhcpOption[];
}

/** As many as a router takes for one NIC or one network (packages/contract/src/sections/dhcp.ts). */
const most = 64;

function option(field: string, value: string): DhcpOption {
  const [, code = ''] = /^dhcp:([1-9]\d{0,2})$/.exec(field) ?? [];
  if (code === '')
    throw new InvalidValueError(field, 'networkid, or dhcp: and the code of an option, such as dhcp:114');
  try {
    if (!/^[ -~]{1,255}$/.test(value)) throw new InvalidValueError(value, '1 to 255 printable ASCII characters');
    parseDhcpOptionValue(Number(code), value);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`${field}=${value}`, `${error.expected} as option ${code}`);
  }
  return { code: Number(code), value };
}

function collect(fields: readonly (readonly [field: string, value: string])[]): DhcpOption[] {
  const options = new Map<number, DhcpOption>();
  for (const [field, value] of fields) {
    const each = option(field, value);
    if (options.has(each.code)) throw new InvalidValueError(field, 'each option once');
    options.set(each.code, each);
  }
  if (options.size > most) throw new InvalidValueError(options.size, `at most ${most} options`);
  return [...options.values()];
}

/** Options by network, as `dhcpoptionsnetworklist[0].networkid=…&dhcpoptionsnetworklist[0].dhcp:114=…`. Throws InvalidValueError. */
export function parseNicDhcpOptions(items: readonly Readonly<Record<string, string>>[]): NicDhcpOptions[] {
  const networks = new Map<string, (readonly [string, string])[]>();
  for (const { networkid: networkId = '', ...fields } of items) {
    if (!isUuid(networkId)) throw new InvalidValueError(networkId, 'networkid, the id of a network, in each item');
    const key = networkId.toLowerCase();
    networks.set(key, [...(networks.get(key) ?? []), ...Object.entries(fields)]);
  }
  return [...networks].map(([networkId, fields]) => ({ networkId, options: collect(fields) }));
}

/** Options of one NIC or network, as `dhcpoptions[0].dhcp:114=…`. Throws InvalidValueError. */
export function parseDhcpOptions(items: readonly Readonly<Record<string, string>>[]): DhcpOption[] {
  return collect(items.flatMap((item) => Object.entries(item)));
}
