// Reads what `ip -json` prints of the kernel's state.
import type { DefaultRoute, LinkState } from './state.ts';

/** An interface of the kernel. */
export interface Device extends LinkState {
  /** Lower case; null where it has none. */
  readonly macAddress: string | null;
  /** True where a cable, or the other end of a pair, is there. */
  readonly carrier: boolean;
}

interface AddressOutput {
  readonly ifname: string;
  readonly address?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
    readonly scope?: string;
  }[];
}

interface RouteOutput {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  /** Of IPv6 alone. */
  readonly pref?: string;
  /** Absent of a route that leads somewhere. */
  readonly type?: string;
}

function parseList<Item>(json: string): Item[] {
  return json.trim() === '' ? [] : (JSON.parse(json) as Item[]);
}

/** Reads `ip -json address show`. */
export function parseDevices(json: string): Device[] {
  return parseList<AddressOutput>(json).map(({ ifname, address, mtu, flags, addr_info: addresses }) => ({
    name: ifname,
    macAddress: address ?? null,
    up: flags.includes('UP'),
    carrier: flags.includes('LOWER_UP'),
    mtu,
    addresses: addresses
      // Link-local addresses are the kernel's own.
      .filter(({ family, scope }) => family === 'inet' || (family === 'inet6' && scope === 'global'))
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  }));
}

/** Reads `ip -json route show table all default`: of both families. */
export function parseDefaultRoutes(json: string): DefaultRoute[] {
  const routes = parseList<RouteOutput>(json).filter(({ type }) => type === undefined);
  return routes.map(({ gateway, dev, prefsrc, metric, pref }) => ({
    ...(pref === undefined ? {} : { family: 6 }),
    gateway: gateway ?? null,
    interface: dev,
    source: prefsrc ?? null,
    metric: metric ?? null,
  }));
}
