import { parameterError } from '../errors.ts';

/** Reads parameter `vlan` of a physical network: the range of VNIs of its guest networks, `first-last`. Throws 431. */
export function parseVniRange(text: string): { first: number; last: number } {
  const [, first = '', last = first] = /^(\d{1,8})(?:-(\d{1,8}))?$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (first === '' || range.first < 1 || range.first > range.last || range.last > 16_777_215) {
    throw parameterError('vlan', text, 'a range such as 100-999 within 1 to 16777215');
  }
  return range;
}
