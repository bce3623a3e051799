// What `-m cluster` computes (Linux, net/netfilter/xt_cluster.c and include/linux/jhash.h), so that a trace and the kernel agree.
import { type Ipv4Address, ipv4ToNumber } from '@isthmus/net';

const initial = 0xdeadbeef;

function rotated(number: number, bits: number): number {
  return (number << bits) | (number >>> (32 - bits));
}

/** Bob Jenkins' hash of one 32-bit word. */
function hashOfWord(word: number, seed: number): number {
  const start = (seed + initial + 4) | 0;
  let [a, b, c] = [(word + start) | 0, start, start];
  c = ((c ^ b) - rotated(b, 14)) | 0;
  a = ((a ^ c) - rotated(c, 11)) | 0;
  b = ((b ^ a) - rotated(a, 25)) | 0;
  c = ((c ^ b) - rotated(b, 16)) | 0;
  a = ((a ^ c) - rotated(c, 4)) | 0;
  b = ((b ^ a) - rotated(a, 14)) | 0;
  c = ((c ^ b) - rotated(b, 24)) | 0;
  return c >>> 0;
}

/** The share, from 1, that a connection's source falls into. The kernel reads the address as this machine's words: little-endian. */
export function clusterShare(source: Ipv4Address, { total, seed }: { readonly total: number; readonly seed: number }) {
  const number = ipv4ToNumber(source);
  const swapped = ((number & 0xff) << 24) | ((number & 0xff00) << 8) | ((number >>> 8) & 0xff00) | (number >>> 24);
  return 1 + Math.floor((hashOfWord(swapped, seed) * total) / 2 ** 32);
}
