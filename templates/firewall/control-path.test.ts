// What becomes of packets at the control NIC, without a document and with one: each row is a sentence.
import { type Conntrack, type RuleSet, tracePacket, validateRuleSet } from '@isthmus/iptables-ts';
import { parseInterfaceName } from '@isthmus/net';
import test from 'ava';
import { type ControlPath, closedRules, FirewallRules } from './index.ts';
import { address, guestInterface, natSettings, publicInterface } from './packet-filter-fixture.ts';

const control: ControlPath = {
  interface: parseInterfaceName('eth1'),
  address: address('169.254.20.7'),
  prefixLength: 22,
  gateway: address('169.254.20.1'),
  port: 3922,
};
const own = new Set<string>([control.address, natSettings.guestAddress, natSettings.sourceNatAddress]);

function served(): FirewallRules {
  const rules = new FirewallRules('demo');
  rules.set({ ...natSettings, control }, 'allow');
  rules.publicAddresses.retain(natSettings.sourceNatAddress);
  return rules;
}

type Sent = readonly [
  sentence: string,
  verdict: 'ACCEPT' | 'DROP',
  packet: {
    readonly nic?: 'eth0' | 'eth1' | 'eth2';
    readonly from: string;
    readonly to: string;
    readonly port?: number;
    readonly fromPort?: number;
    readonly conntrack?: Conntrack['state'];
  },
];

const host = control.gateway;
const rows: readonly Sent[] = [
  [
    'the host reaches the agent',
    'ACCEPT',
    { nic: 'eth1', from: host, to: control.address, port: 3922, conntrack: 'UNTRACKED' },
  ],
  ['the host reaches no other port', 'DROP', { nic: 'eth1', from: host, to: control.address, port: 53 }],
  [
    'another appliance does not reach the agent',
    'DROP',
    { nic: 'eth1', from: '169.254.20.8', to: control.address, port: 3922 },
  ],
  ['a guest does not reach the agent', 'DROP', { nic: 'eth0', from: '10.1.1.10', to: control.address, port: 3922 }],
  [
    'the public side does not reach the agent',
    'DROP',
    { nic: 'eth2', from: '198.51.100.9', to: control.address, port: 3922 },
  ],
  [
    'nobody elsewhere is taken for the host',
    'DROP',
    { nic: 'eth0', from: host, to: natSettings.guestAddress, port: 53 },
  ],
  [
    'the host does not reach a public address',
    'DROP',
    { nic: 'eth1', from: host, to: natSettings.sourceNatAddress, port: 80 },
  ],
  ['the host does not reach a guest', 'DROP', { nic: 'eth1', from: host, to: '10.1.1.10', port: 80 }],
  [
    'a guest does not reach the host',
    'DROP',
    { nic: 'eth0', from: '10.1.1.10', to: host, port: 80, conntrack: 'ESTABLISHED' },
  ],
  ['the agent answers the host', 'ACCEPT', { from: control.address, to: host, fromPort: 3922, conntrack: 'UNTRACKED' }],
  ['the router asks nothing of the host', 'DROP', { from: control.address, to: host, port: 53 }],
];

function verdictOf(ruleSet: RuleSet, rules: FirewallRules | null, [, , sent]: Sent): string {
  const { nic, from, to, port = 40_000, fromPort = 40_001, conntrack = 'NEW' } = sent;
  const { verdict } = tracePacket({
    ruleSet,
    sets: rules?.sets() ?? [],
    packet: {
      ...(nic === undefined ? {} : { inInterface: parseInterfaceName(nic) }),
      source: address(from),
      destination: address(to),
      protocol: 'tcp',
      sourcePort: fromPort,
      destinationPort: port,
      conntrack: { state: conntrack },
    },
    route: (destination) => {
      if (own.has(destination)) return 'local';
      if (destination.startsWith('10.1.1.')) return { outInterface: guestInterface };
      return { outInterface: destination.startsWith('169.254.') ? control.interface : publicInterface };
    },
  });
  return verdict;
}

test('the control NIC carries the agent for its host and nothing else, with a document and without', (t) => {
  const rules = served();
  for (const row of rows) {
    t.is(verdictOf(rules.ruleSet(), rules, row), row[1], row[0]);
    t.is(verdictOf(closedRules(control), null, row), row[1], `${row[0]}, before any document`);
  }
});

test('the rules are valid, and without a control NIC nothing changes', (t) => {
  t.deepEqual(validateRuleSet(closedRules(control)), []);
  t.deepEqual(
    validateRuleSet(served().ruleSet()).filter(({ path }) => !path.includes('nat')),
    [],
  );
  const plain = new FirewallRules('demo');
  plain.set(natSettings, 'allow');
  t.false(JSON.stringify([...(plain.ruleSet().filter ?? [])]).includes('eth1'));
  t.deepEqual(plain.ruleSet().filter?.get('OUTPUT'), { policy: 'ACCEPT', rules: [] });
  t.false(plain.ruleSet().raw?.has('OUTPUT'));
});
