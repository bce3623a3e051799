import { InvalidValueError, parses } from './invalid-value.ts';

/** A unicast MAC address in lower case with colons, e.g. `02:00:4c:9f:00:01`. */
export type MacAddress = string & { readonly __brand: 'MacAddress' };

/** Reads a MAC address of either case into lower case; refuses group addresses and all zeros. Throws InvalidValueError. */
export function parseMacAddress(text: string): MacAddress {
  const lower = text.toLowerCase();
  const valid =
    /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(lower) &&
    (Number.parseInt(lower.slice(0, 2), 16) & 1) === 0 &&
    lower !== '00:00:00:00:00:00';
  if (!valid) throw new InvalidValueError(text, 'a unicast MAC address such as 02:00:4c:9f:00:01');
  return lower as MacAddress;
}

export function isMacAddress(text: string): boolean {
  return parses(() => parseMacAddress(text));
}

/** The locally administered MAC address `02:00:` followed by a number's four bytes. Throws outside 32 bits. */
export function macFromNumber(number: number): MacAddress {
  if (!Number.isInteger(number) || number < 0 || number > 0xffffffff) {
    throw new InvalidValueError(number, 'a whole number from 0 to 4294967295');
  }
  const bytes = [2, 0, number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':') as MacAddress;
}
