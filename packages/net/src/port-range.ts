import { InvalidValueError } from './invalid-value.ts';

/** A closed range of TCP or UDP ports, 1 to 65535; one port has `first` equal to `last`. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

function port(text: string): number {
  const number = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= 65535)) throw new InvalidValueError(text, 'a port from 1 to 65535');
  return number;
}

/** Reads `80` or `8000:8080` (the notation of iptables). Throws InvalidValueError. */
export function parsePortRange(text: string): PortRange {
  const [first = '', last = first, ...rest] = text.split(':');
  if (rest.length > 0) throw new InvalidValueError(text, 'a port or a port range such as 8000:8080');
  return portRange(port(first), port(last));
}

/** The range from `first` to `last`. Throws InvalidValueError where it is empty or leaves 1 to 65535. */
export function portRange(first: number, last: number = first): PortRange {
  const valid = Number.isInteger(first) && Number.isInteger(last) && first >= 1 && first <= last && last <= 65535;
  if (!valid) throw new InvalidValueError(`${first}:${last}`, 'a port range within 1 to 65535, first not after last');
  return { first, last };
}

/** The range as iptables writes it: `80` or `8000:8080`. */
export function formatPortRange({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}:${last}`;
}

export function portRangesOverlap(a: PortRange, b: PortRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}
