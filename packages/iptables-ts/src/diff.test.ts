import { portRange } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { canonicalRuleSet } from './canonical.ts';
import { diffRuleSets, isEmptyTransaction, mergeTransactions, renderTransaction, transactionOf } from './diff.ts';
import { assertGolden } from './golden.ts';
import type { Chain, Rule, RuleSet, Target } from './model.ts';
import { anyRuleSet } from './testing.ts';

const accept: Target = { kind: 'ACCEPT' };
const rule = (port: number, target: Target = accept): Rule => ({
  match: { protocol: 'tcp', destinationPorts: portRange(port) },
  target,
});
const chain = (...rules: Rule[]): Chain => ({ rules });

const before: RuleSet = {
  filter: new Map([
    ['INPUT', { policy: 'ACCEPT', rules: [] }],
    ['FORWARD', { policy: 'DROP', rules: [rule(1, { kind: 'jump', chain: 'kept' })] }],
    ['kept', chain(rule(2))],
    ['changed', chain(rule(3), rule(4))],
    ['gone', chain(rule(5, { kind: 'goto', chain: 'gone-too' }))],
    ['gone-too', chain(rule(6))],
  ]),
  nat: new Map([['PREROUTING', { policy: 'ACCEPT', rules: [] }]]),
};

const after: RuleSet = {
  filter: new Map([
    ['INPUT', { policy: 'DROP', rules: [] }],
    ['FORWARD', { policy: 'DROP', rules: [rule(1, { kind: 'jump', chain: 'new' })] }],
    ['kept', chain({ match: { ...rule(2).match, not: [] }, target: accept })],
    ['changed', chain(rule(3))],
    ['new', chain(rule(7, { kind: 'jump', chain: 'changed' }))],
  ]),
};

test('golden: only what changed is emptied and refilled', (t) => {
  const transaction = diffRuleSets(before, after);
  t.deepEqual(Object.keys(transaction), ['filter']);
  assertGolden(t, 'transaction.noflush', renderTransaction(transaction));
});

test('a rule set and itself, however spelt, have no difference', (t) => {
  fc.assert(
    fc.property(anyRuleSet(), (ruleSet) => {
      t.true(isEmptyTransaction(diffRuleSets(ruleSet, canonicalRuleSet(ruleSet))));
      t.is(renderTransaction(diffRuleSets(ruleSet, ruleSet)), '');
    }),
  );
});

test('a table that is absent: afterwards it is left alone, before it counts as empty', (t) => {
  t.deepEqual(diffRuleSets(before, {}), {});
  t.is(renderTransaction(diffRuleSets({}, before)), renderTransaction(diffRuleSets({ filter: new Map() }, before)));
});

test('a built-in chain that goes is emptied and accepts again', (t) => {
  const { filter } = diffRuleSets(before, { filter: new Map() });
  t.deepEqual([...(filter?.policies ?? [])], [['FORWARD', 'ACCEPT']]);
  t.deepEqual(filter?.flushed, ['FORWARD']);
});

test('changes by chain say the same as the difference', (t) => {
  const changes = new Map<string, Chain | null>([
    ['new', after.filter?.get('new') ?? null],
    ['gone', null],
    ['gone-too', null],
    ['changed', chain(rule(3))],
    ['FORWARD', chain(rule(1, { kind: 'jump', chain: 'new' }))],
    ['INPUT', { policy: 'DROP', rules: [] }],
  ]);
  const expected = diffRuleSets(before, after).filter;
  // What changed in INPUT, the policy alone or the rules too, changes by chain cannot know.
  t.deepEqual({ ...transactionOf('filter', changes).filter }, { ...expected, flushed: ['INPUT', 'FORWARD'] } as never);
  t.deepEqual(transactionOf('filter', new Map()), {});
});

test('of merged transactions the later one counts', (t) => {
  const first = transactionOf(
    'filter',
    new Map([
      ['a', chain(rule(1))],
      ['b', null],
      ['FORWARD', null],
    ]),
  );
  const second = transactionOf(
    'filter',
    new Map([
      ['a', null],
      ['b', chain(rule(2))],
    ]),
  );
  const nat = transactionOf('nat', new Map([['c', chain()]]));
  const merged = mergeTransactions(first, nat, second);
  t.deepEqual(Object.keys(merged), ['nat', 'filter']);
  t.is(
    renderTransaction(merged),
    renderTransaction({
      ...nat,
      ...transactionOf(
        'filter',
        new Map([
          ['FORWARD', null],
          ['a', null],
          ['b', chain(rule(2))],
        ]),
      ),
    }),
  );
  t.deepEqual(mergeTransactions(), {});
  t.deepEqual(mergeTransactions({}, {}), {});
});
