import { readFile } from 'node:fs/promises';
import type { IngressRule, PortForward } from '@isthmus/contract';
import { recordingRunner } from '@isthmus/host';
import { canonicalRuleSet, parseIpSetSave, parseSave, renderRuleSet, setMembers } from '@isthmus/iptables-ts';
import test from 'ava';
import fc from 'fast-check';
import type { RouterService } from '../service.ts';
import { createNetfilterService } from './netfilter.ts';
import {
  address,
  applyChange,
  cidr,
  type Edit,
  FilterLab,
  failing,
  ports,
  settings,
  TestDocument,
} from './netfilter-fixture.ts';
import { FilterState } from './state.ts';
import { forwardText } from './text.ts';

const prefix = 'utest';
const forward = (port: number, more: Partial<PortForward> = {}): PortForward => ({
  publicAddress: address('203.0.113.2'),
  protocol: 'tcp',
  publicPorts: ports(port),
  privateAddress: address('10.1.1.10'),
  privatePorts: ports(80),
  ...more,
});
const open = (port: number, ...sources: string[]): IngressRule => ({
  publicAddress: address('203.0.113.2'),
  protocol: 'tcp',
  ports: ports(port),
  sources: sources.map(cidr),
});

interface Bench {
  readonly lab: FilterLab;
  readonly service: RouterService;
  /** A service that knows nothing yet, as after a restart of the agent. */
  readonly another: (more?: { readonly isNewKernel?: true }) => RouterService;
  readonly document: TestDocument;
  readonly commands: ReturnType<typeof recordingRunner>;
  readonly fail: ReturnType<typeof failing>['failWhen'];
  /** Rules without counters, and sets. */
  readonly rules: () => Promise<string>;
  readonly sets: () => Promise<string>;
  readonly run: (file: string, ...args: string[]) => Promise<string>;
}

async function withKernel(use: (bench: Bench) => Promise<void>): Promise<void> {
  const lab = new FilterLab();
  try {
    const host = await lab.openRouter();
    const fault = failing(host.commands);
    const commands = recordingRunner(fault);
    const paths = { state: lab.directory, run: lab.directory };
    const context = { host: { ...host, commands }, paths, namePrefix: prefix };
    const another: Bench['another'] = (more = {}) => createNetfilterService({ ...context, ...more });
    const run = async (file: string, ...args: string[]) => (await host.commands.run(file, args)).stdout;
    await use({
      lab,
      service: another(),
      another,
      document: new TestDocument(),
      commands,
      fail: fault.failWhen,
      rules: async () => renderRuleSet(parseSave(await run('iptables-save'))),
      sets: async () =>
        JSON.stringify(parseIpSetSave(await run('ipset', 'save')).sort((a, b) => (a.name < b.name ? -1 : 1))),
      run,
    });
  } finally {
    await lab.close();
  }
}

function expectedRules(document: TestDocument): string {
  return renderRuleSet(canonicalRuleSet(FilterState.of(prefix, document.view).ruleSet()));
}

function expectedSets(document: TestDocument): string {
  const sets = FilterState.of(prefix, document.view).sets();
  return JSON.stringify(
    sets
      .map(({ name, type, members }) => ({ name, type, members: setMembers(members) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
}

test('a restarted agent that finds its rules in force writes none', async (t) => {
  await withKernel(async ({ service, another, document, commands, rules }) => {
    document.edit({
      'nat.portForwards': { one: forward(8080) },
      'firewall.ingress': { one: open(8080, '192.0.2.0/24', '198.51.100.0/24') },
    });
    await applyChange(service, document.full());
    t.is(await rules(), expectedRules(document));
    commands.commands.length = 0;
    await applyChange(another(), document.full());
    t.deepEqual(
      commands.commands.map(({ file }) => file),
      ['iptables-save', 'ipset', 'iptables-save', 'conntrack'],
    );
  });
});

test('in a new kernel the first rules are loaded at once, and the next change finds them', async (t) => {
  await withKernel(async ({ another, document, commands, rules, sets, run }) => {
    document.edit({
      'nat.portForwards': { one: forward(8080) },
      'firewall.ingress': { one: open(8080, '192.0.2.0/24', '198.51.100.0/24') },
    });
    // What an appliance closes where its first document is refused is replaced all the same.
    await run('iptables', '-A', 'INPUT', '-j', 'DROP');
    const service = another({ isNewKernel: true });
    await applyChange(service, document.full());
    t.is(await rules(), expectedRules(document));
    t.is(await sets(), expectedSets(document));
    t.deepEqual(
      commands.commands.map(({ file }) => file),
      ['ipset', 'iptables-restore'],
    );
    await run('iptables', '-A', 'INPUT', '-j', 'DROP');
    await applyChange(service, document.full());
    t.is(await rules(), expectedRules(document), 'the second full change looks');
  });
});

test('a full change removes what is left over, also what it cannot read', async (t) => {
  await withKernel(async ({ another, document, rules, sets, run }) => {
    await run('iptables', '-N', `${prefix}stale`);
    await run('iptables', '-A', 'FORWARD', '-j', `${prefix}stale`);
    await run('ipset', 'create', `${prefix}l-stale`, 'hash:net');
    await run('ipset', 'create', `${prefix}own~n`, 'hash:ip');
    await run('ipset', 'create', 'foreign', 'hash:net');
    await applyChange(another(), document.full());
    t.is(await rules(), expectedRules(document));
    t.false((await sets()).includes('stale'));
    t.false((await sets()).includes('~n'));
    t.true((await sets()).includes('foreign'));
    await run(
      'iptables',
      '-t',
      'mangle',
      '-A',
      'FORWARD',
      '-m',
      'length',
      '--length',
      '1:9',
      '-j',
      'MARK',
      '--set-mark',
      '1',
    );
    await applyChange(another(), document.full());
    t.is(await rules(), expectedRules(document));
  });
});

test('a full change that fails gives the rules back that it found', async (t) => {
  await withKernel(async ({ another, service, document, rules, sets, fail }) => {
    document.edit({
      'nat.portForwards': { one: forward(8080) },
      'firewall.ingress': { one: open(8080, '192.0.2.0/24', '198.51.100.0/24') },
    });
    await applyChange(service, document.full());
    const [before, setsBefore] = [await rules(), await sets()];
    const next = new TestDocument(settings({ egressDefault: 'deny' }));
    next.edit({
      'nat.portForwards': { two: forward(8081, { publicAddress: address('203.0.113.3') }) },
      'firewall.ingress': { one: open(8081, '192.0.2.0/24', '203.0.113.0/24') },
    });
    for (const marker of ['COMMIT', 'iptables-save']) {
      let runs = 0;
      fail((file, input) => {
        if (marker === 'COMMIT') return file === 'iptables-restore' && input.includes(marker);
        if (file === marker) runs += 1;
        return runs === 2;
      });
      await t.throwsAsync(applyChange(another(), next.full()));
      t.is(await rules(), before);
      t.is(await sets(), setsBefore);
    }
    await applyChange(another(), next.full());
    t.is(await rules(), expectedRules(next));
    t.is(await sets(), expectedSets(next));
  });
});

for (const [kernel, more] of Object.entries({ 'a kernel': {}, 'a new kernel': { isNewKernel: true } as const })) {
  test(`a first full change of ${kernel} that fails midway leaves no open router`, async (t) => {
    await withKernel(async ({ another, document, rules, fail }) => {
      const service = another(more);
      const plan = service.plan(document.full());
      await plan?.stage();
      await plan?.apply();
      await plan?.revert();
      t.is(await rules(), expectedRules(document));
      fail((file) => file === 'ipset');
      await t.throwsAsync(applyChange(service, document.full()));
      t.is(await rules(), expectedRules(document));
    });
  });
}

const anyEdit: fc.Arbitrary<Edit> = fc
  .array(
    fc.record({
      number: fc.integer({ min: 0, max: 60 }),
      collection: fc.constantFrom(
        'nat.portForwards' as const,
        'nat.staticNats' as const,
        'routing.publicAddresses' as const,
        'firewall.ingress' as const,
        'firewall.egress' as const,
      ),
      isGone: fc.boolean(),
      sources: fc.subarray(['192.0.2.0/24', '198.51.100.0/24', '203.0.113.77/32']),
      isRange: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((changes) => {
    const edit: Record<string, Record<string, unknown>> = {};
    for (const { number, collection, isGone, sources, isRange } of changes) {
      const range = isRange ? ports(1000 + number * 20, 1007 + number * 20) : ports(1000 + number * 20);
      const rule = { protocol: 'tcp', ports: range, sources: sources.map(cidr) };
      const publicAddress = address(`203.0.113.${2 + (number % 3)}`);
      const further = address(`203.0.113.${100 + number}`);
      const entries = {
        'nat.portForwards': forward(0, { publicAddress, publicPorts: range, privatePorts: range }),
        'nat.staticNats': { publicAddress: further, privateAddress: address(`10.1.1.${100 + number}`) },
        'routing.publicAddresses': { address: further, prefixLength: 24, interface: 'eth2' },
        'firewall.ingress': { ...rule, publicAddress },
        'firewall.egress': isRange
          ? { protocol: 'all', sources: rule.sources, destinations: [] }
          : { ...rule, destinations: [] },
      };
      edit[collection] = { ...edit[collection], [`id-${number}`]: isGone ? null : entries[collection] };
    }
    return edit as Edit;
  });

test('after any changes and failures on the way the kernel holds what the document says', async (t) => {
  await withKernel(async ({ service, document, rules, sets, fail }) => {
    await applyChange(service, document.full());
    const edits = fc.sample(fc.tuple(anyEdit, fc.constantFrom(null, 'ipset', 'iptables-restore', 'late')), {
      numRuns: 25,
      seed: 7,
    });
    for (const [edit, failure] of edits) {
      const change = document.edit(edit);
      t.deepEqual(service.check(change), []);
      const plan = service.plan(change);
      if (plan === null) continue;
      if (failure !== null) fail((file) => file === failure);
      const back = Object.fromEntries(
        Object.entries(change.entries).map(([name, entries]) => [
          name,
          Object.fromEntries(entries.map(({ id, before }) => [id, before ?? null])),
        ]),
      );
      try {
        await plan.stage();
        await plan.apply();
        if (failure === 'late') throw new Error('a later service failed');
        await plan.commit();
      } catch {
        await plan.revert();
        document.edit(back);
      }
      fail(() => false);
      t.is(await rules(), expectedRules(document));
    }
    await applyChange(service, document.full());
    t.is(await sets(), expectedSets(document));
  });
});

test('one iptables-restore does a change of any size, and nothing else runs for an addition', async (t) => {
  await withKernel(async ({ service, document, commands }) => {
    await applyChange(service, document.full());
    commands.commands.length = 0;
    await applyChange(service, document.edit({ 'nat.portForwards': { one: forward(8080) } }));
    const both = { 'nat.portForwards': { two: forward(8081) }, 'firewall.ingress': { one: open(8080) } };
    await applyChange(service, document.edit(both));
    t.deepEqual(
      commands.commands.map(({ file }) => file),
      ['iptables-restore', 'iptables-restore'],
    );
    t.is(service.plan(document.edit({ 'dns.records': {} })), null);
  });
});

test('additions go nat first, removals permit first, and a moved port closes in between', (t) => {
  const state = new FilterState(prefix);
  const document = new TestDocument();
  const tables = (edit: Edit) => {
    const change = state.changeOf(document.edit(edit));
    const { rules } = forwardText(state, state.advance(change));
    return rules.split('\n').filter((line) => line.startsWith('*'));
  };
  state.advance(state.changeOf(document.full()));
  t.deepEqual(tables({ 'nat.portForwards': { one: forward(80) }, 'firewall.ingress': { one: open(80) } }), [
    '*nat',
    '*mangle',
  ]);
  const moved = forward(80, { privateAddress: address('10.1.1.11') });
  t.deepEqual(tables({ 'nat.portForwards': { one: moved }, 'firewall.ingress': { one: open(80, '192.0.2.0/24') } }), [
    '*mangle',
    '*nat',
    '*mangle',
  ]);
  t.deepEqual(tables({ 'firewall.ingress': { one: open(80) } }), ['*mangle']);
  t.deepEqual(tables({ 'nat.portForwards': { one: null }, 'firewall.ingress': { one: null } }), ['*mangle', '*nat']);
});

test('health finds base chains that somebody else changed, and healing mends them', async (t) => {
  await withKernel(async ({ service, document, run, rules }) => {
    t.false((await service.health()).healthy);
    await service.heal();
    await applyChange(service, document.full());
    const round = async () => {
      let last = await service.health();
      for (let look = 0; look < 5; look += 1) last = await service.health();
      return last;
    };
    t.true((await round()).healthy);
    await run('iptables', '-P', 'FORWARD', 'ACCEPT');
    await run('iptables', '-t', 'nat', '-F', 'POSTROUTING');
    const { healthy, detail } = await round();
    t.false(healthy);
    t.is(
      detail,
      'chain FORWARD of table filter is not as it was loaded; chain POSTROUTING of table nat is not as it was loaded',
    );
    await service.heal();
    t.true((await round()).healthy);
    t.is(await rules(), expectedRules(document));
    await service.release();
    await service.shutdown();
    t.is(await rules(), expectedRules(document));
  });
});

test('iptables-restore and ipset accept every golden file of nat and firewall', async (t) => {
  await withKernel(async ({ lab, rules }) => {
    const golden = (path: string) => readFile(new URL(`../../../../templates/${path}`, import.meta.url), 'utf8');
    const { commands } = lab.in('router');
    await commands.run('ipset', ['restore'], { input: await golden('firewall/golden/small.sets') });
    for (const path of ['nat/golden/nat.rules', 'firewall/golden/small.rules', 'firewall/golden/isolated.rules']) {
      const input = await golden(path);
      await commands.run('iptables-restore', ['--noflush', '--test'], { input });
      await commands.run('iptables-restore', [], { input });
    }
    const [isolated, nat] = [await golden('firewall/golden/isolated.rules'), await golden('nat/golden/nat.rules')];
    t.is(await rules(), renderRuleSet(canonicalRuleSet({ ...parseSave(isolated), ...parseSave(nat) })));
  });
});
