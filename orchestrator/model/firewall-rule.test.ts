import { parseIpv4Cidr } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { ApiError } from './api-error.ts';
import {
  checkEgressSources,
  cidrListOf,
  type FirewallMatchRequest,
  type FirewallRuleLike,
  firewallMatch,
  firewallRuleCovers,
  firewallRulesConflict,
  storedCidrList,
} from './firewall-rule.ts';

const accepted: readonly (readonly [FirewallMatchRequest, readonly (number | null)[]])[] = [
  [{ protocol: 'tcp' }, [null, null, null, null]],
  [{ protocol: 'tcp', startport: 80 }, [80, 80, null, null]],
  [{ protocol: 'udp', startport: 80, endport: 90 }, [80, 90, null, null]],
  [{ protocol: 'icmp' }, [null, null, -1, -1]],
  [{ protocol: 'icmp', icmptype: 8, icmpcode: 0 }, [null, null, 8, 0]],
  [{ protocol: 'icmp', icmpcode: -1 }, [null, null, -1, -1]],
  [{ protocol: 'all' }, [null, null, null, null]],
];
for (const [request, [start, end, type, code]] of accepted) {
  test(`accepted: ${JSON.stringify(request)}`, (t) => {
    const match = firewallMatch(request);
    t.deepEqual([match.start_port, match.end_port, match.icmp_type, match.icmp_code], [start, end, type, code]);
  });
}

const refused: readonly (readonly [FirewallMatchRequest, string])[] = [
  [{ protocol: 'tcp', startport: 90, endport: 80 }, 'endport'],
  [{ protocol: 'tcp', endport: 80 }, 'endport'],
  [{ protocol: 'tcp', icmptype: 8 }, 'icmptype'],
  [{ protocol: 'udp', icmpcode: 0 }, 'icmpcode'],
  [{ protocol: 'icmp', startport: 1 }, 'startport'],
  [{ protocol: 'icmp', icmpcode: 3 }, 'icmpcode'],
  [{ protocol: 'all', startport: 1 }, 'startport'],
];
for (const [request, parameter] of refused) {
  test(`refused: ${JSON.stringify(request)}`, (t) => {
    const error = t.throws(() => firewallMatch(request), { instanceOf: ApiError });
    t.is(error.errorcode, 431);
    t.regex(error.message, new RegExp(`parameter ${parameter}:`));
  });
}

const rule = (over: Partial<FirewallRuleLike> = {}): FirewallRuleLike => ({
  ...firewallMatch({ protocol: 'tcp', startport: 80, endport: 90 }),
  cidr_list: '',
  dest_cidr_list: '',
  ...over,
});

test('rules conflict where protocol, ports and a CIDR meet', (t) => {
  t.true(firewallRulesConflict(rule(), rule()));
  t.true(firewallRulesConflict(rule(), rule({ start_port: 90, end_port: 99, cidr_list: '0.0.0.0/0' })));
  t.true(firewallRulesConflict(rule(), rule({ start_port: null, end_port: null })));
  t.false(firewallRulesConflict(rule(), rule({ start_port: 91, end_port: 99 })));
  t.false(firewallRulesConflict(rule(), rule({ protocol: 'udp' })));
  t.false(firewallRulesConflict(rule({ cidr_list: '192.0.2.0/24' }), rule({ cidr_list: '198.51.100.0/24' })));
  const lists = ['192.0.2.0/24,10.0.0.0/8', '10.0.0.0/8'] as const;
  t.true(firewallRulesConflict(rule({ cidr_list: lists[0] }), rule({ cidr_list: lists[1] })));
  t.false(firewallRulesConflict(rule({ dest_cidr_list: '192.0.2.0/24' }), rule({ dest_cidr_list: '10.0.0.0/8' })));
});

test('ICMP rules conflict by type and code', (t) => {
  const icmp = (type: number, code: number) =>
    rule({ ...firewallMatch({ protocol: 'icmp', icmptype: type, icmpcode: code }) });
  t.true(firewallRulesConflict(icmp(8, 0), icmp(8, 0)));
  t.false(firewallRulesConflict(icmp(8, 0), icmp(8, -1)));
});

test('a rule covers another that admits no more', (t) => {
  const wide = rule({ start_port: null, end_port: null, cidr_list: '0.0.0.0/0' });
  t.true(firewallRuleCovers(wide, rule({ cidr_list: '192.0.2.0/24' })));
  t.true(firewallRuleCovers(wide, rule()));
  t.false(firewallRuleCovers(rule({ cidr_list: '192.0.2.0/24' }), rule()));
  t.false(firewallRuleCovers(rule(), wide));
});

const anyRule = fc
  .tuple(
    fc.constantFrom('tcp' as const, 'udp' as const),
    fc.integer({ min: 1, max: 65535 }),
    fc.integer({ min: 1, max: 65535 }),
    fc.constantFrom('', '0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/8,192.0.2.0/24'),
  )
  .map(([protocol, a, b, cidr_list]) =>
    rule({ protocol, start_port: Math.min(a, b), end_port: Math.max(a, b), cidr_list }),
  );

test('conflict is mutual, and what covers a rule with its own CIDRs conflicts with it', (t) => {
  t.notThrows(() =>
    fc.assert(fc.property(anyRule, anyRule, (a, b) => firewallRulesConflict(a, b) === firewallRulesConflict(b, a))),
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(anyRule, anyRule, (a, b) => {
        const same = { ...b, cidr_list: a.cidr_list };
        return !firewallRuleCovers(a, same) || firewallRulesConflict(a, same);
      }),
    ),
  );
});

test('CIDR lists are stored as they are spelled, and read back', (t) => {
  const list = ['192.0.2.0/24', '10.0.0.0/8'].map(parseIpv4Cidr);
  t.is(storedCidrList('cidrlist', list), '192.0.2.0/24,10.0.0.0/8');
  t.deepEqual(cidrListOf('192.0.2.0/24,10.0.0.0/8'), list);
  t.deepEqual(cidrListOf(storedCidrList('cidrlist', undefined)), []);
  const many = Array.from({ length: 1001 }, () => parseIpv4Cidr('10.0.0.0/8'));
  t.throws(() => storedCidrList('cidrlist', many), { instanceOf: ApiError, message: /at most 1000/ });
});

test('sources of an egress rule lie in the network', (t) => {
  const network = parseIpv4Cidr('10.1.1.0/24');
  const check = (...cidrs: string[]) => checkEgressSources(cidrs.map(parseIpv4Cidr), network);
  t.notThrows(() => check('10.1.1.0/24', '10.1.1.128/25', '0.0.0.0/0'));
  t.throws(() => check('10.1.0.0/16'), { message: /parameter cidrlist/ });
  t.throws(() => check('10.1.1.0/25', '10.1.2.0/24'), { message: /10\.1\.2\.0/ });
});
