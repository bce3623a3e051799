// The two families side by side: how each spells what the model says.
import { isIpv4Cidr, isIpv6Cidr, parseIpv4Cidr, parseIpv6Cidr } from '@isthmus/net';
import type { CidrOf, Family } from './model.ts';

/** One family's words. */
interface FamilyWords<F extends Family> {
  /** True for a network in its one spelling. */
  readonly isCidr: (text: string) => boolean;
  /** Reads a network; throws InvalidValueError. */
  readonly parseCidr: (text: string) => CidrOf<F>;
  /** Suffix of a network of one address. */
  readonly single: '/32' | '/128';
  /** Both halves of the whole space, which a hash:net takes where it refuses /0 (ipset(8)). */
  readonly halves: readonly CidrOf<F>[];
  /** The protocol ICMP in the model and in the text, and what the text calls its match and option. */
  readonly icmp: 'icmp' | 'icmpv6';
  readonly icmpWord: 'icmp' | 'ipv6-icmp';
  readonly icmpMatch: 'icmp' | 'icmp6';
  readonly icmpOption: '--icmp-type' | '--icmpv6-type';
  /** Reasons of REJECT beside tcp-reset, the tool's default first. */
  readonly rejections: readonly string[];
  /** What ipset(8) calls the family. */
  readonly setFamily: 'inet' | 'inet6';
}

export const families: { readonly [F in Family]: FamilyWords<F> } = {
  4: {
    isCidr: isIpv4Cidr,
    parseCidr: parseIpv4Cidr,
    single: '/32',
    halves: [parseIpv4Cidr('0.0.0.0/1'), parseIpv4Cidr('128.0.0.0/1')],
    icmp: 'icmp',
    icmpWord: 'icmp',
    icmpMatch: 'icmp',
    icmpOption: '--icmp-type',
    rejections: ['icmp-port-unreachable', 'icmp-admin-prohibited'],
    setFamily: 'inet',
  },
  6: {
    isCidr: (text) => isIpv6Cidr(text) && parseIpv6Cidr(text) === text,
    parseCidr: parseIpv6Cidr,
    single: '/128',
    halves: [parseIpv6Cidr('::/1'), parseIpv6Cidr('8000::/1')],
    icmp: 'icmpv6',
    icmpWord: 'ipv6-icmp',
    icmpMatch: 'icmp6',
    icmpOption: '--icmpv6-type',
    rejections: ['icmp6-port-unreachable', 'icmp6-adm-prohibited'],
    setFamily: 'inet6',
  },
};
