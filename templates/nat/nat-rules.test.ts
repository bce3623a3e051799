import { readFileSync, writeFileSync } from 'node:fs';
import { renderRuleSet, validateRuleSet } from '@isthmus/iptables-ts';
import test from 'ava';
import fc from 'fast-check';
import {
  address,
  anyForward,
  anyStatic,
  changed,
  natSettings,
  ports,
  remaining,
  steps,
} from '../firewall/packet-filter-fixture.ts';
import { NatRules } from './index.ts';

const golden = new URL('golden/nat.rules', import.meta.url);

test('the nat table of a small router', (t) => {
  const rules = new NatRules('demo');
  rules.set(natSettings);
  const forward = {
    publicAddress: address('203.0.113.2'),
    protocol: 'tcp',
    publicPorts: ports(8080),
    privateAddress: address('10.1.1.10'),
    privatePorts: ports(80),
  } as const;
  rules.putPortForward('web', forward);
  rules.putPortForward('range', { ...forward, publicPorts: ports(9000, 9009), privatePorts: ports(7000, 7009) });
  rules.putPortForward('same', { ...forward, protocol: 'udp', publicPorts: ports(53), privatePorts: ports(53) });
  rules.putStaticNat('one', { publicAddress: address('203.0.113.3'), privateAddress: address('10.1.1.20') });
  const ruleSet = { nat: rules.chains() };
  t.deepEqual(validateRuleSet(ruleSet), []);
  const text = renderRuleSet(ruleSet);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, text);
  t.is(text, readFileSync(golden, 'utf8'));
});

test('a network without a public side has no source NAT', (t) => {
  const rules = new NatRules('demo');
  const { guestInterface, guestNetwork, guestAddress } = natSettings;
  rules.set({ guestInterface, guestNetwork, guestAddress });
  t.is(rules.baseChain('POSTROUTING')?.rules.length, 1);
  t.is(rules.takeChanges().size, 4);
  t.is(rules.takeChanges().size, 0);
});

test('chains follow from the entries alone, and the changes lead from one state to the next', (t) => {
  fc.assert(
    fc.property(steps(anyForward), steps(anyStatic), (forwards, statics) => {
      const rules = new NatRules('demo');
      rules.set(natSettings);
      let chains = changed(new Map(), rules.takeChanges());
      for (const [id, entry] of forwards) {
        if (entry === null) rules.removePortForward(id);
        else rules.putPortForward(id, entry);
        chains = changed(chains, rules.takeChanges());
      }
      for (const [id, entry] of statics) {
        if (entry === null) rules.removeStaticNat(id);
        else rules.putStaticNat(id, entry);
      }
      chains = changed(chains, rules.takeChanges());
      const scratch = new NatRules('demo');
      scratch.set(natSettings);
      for (const [id, entry] of remaining(statics)) scratch.putStaticNat(id, entry);
      for (const [id, entry] of remaining(forwards)) scratch.putPortForward(id, entry);
      t.is(renderRuleSet({ nat: chains }), renderRuleSet({ nat: scratch.chains() }));
      t.deepEqual(validateRuleSet({ nat: chains }), []);
    }),
    { numRuns: 60 },
  );
});
