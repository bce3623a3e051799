import { type Nic, NicSchema, validator } from '@isthmus/contract';
import { ManualClock, MemoryFiles, noSockets, scriptedRunner, silentLog } from '@isthmus/host';
import test from 'ava';
import * as Type from 'typebox';
import { Machines } from './machines.ts';
import { Segments } from './segments.ts';
import { SegmentBridges } from './wiring/segment-bridges.ts';

const spec = { nics: [] as Nic[] };

/** Machines whose `make` waits for `release`; `lines` are what was warned of. */
async function slowMachines() {
  const commands = scriptedRunner([]);
  const lines: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void lines.push(message) };
  const host = { commands, files: new MemoryFiles(), clock: new ManualClock(), log, sockets: noSockets };
  const segments = new Segments(host, '/state', new SegmentBridges(commands, 'ab12'), () => []);
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const whole = new Set<string>();
  let made = 0;
  const machines = new Machines<typeof spec>(
    { host, state: '/state', segments, bootId: null },
    {
      noun: 'instance',
      spec: validator(Type.Object({ nics: Type.Array(NicSchema) })),
      make: async (id) => {
        made += 1;
        begun.resolve();
        await gate.promise;
        whole.add(id);
      },
      change: async () => {},
      halt: async () => {},
      forget: async () => {},
    },
  );
  await machines.load();
  const broken = async (all: readonly { readonly id: string }[]) =>
    all.map(({ id }) => id).filter((id) => !whole.has(id));
  return { machines, broken, lines, whole, begun: begun.promise, release: gate.resolve, made: () => made };
}

test('the look for the broken leaves one alone whose first start is under way', async (t) => {
  const { machines, broken, lines, begun, release, made } = await slowMachines();
  const put = machines.put('a', spec);
  await begun;
  await machines.heal(broken);
  release();
  await put;
  await machines.heal(broken);
  t.is(made(), 1);
  t.deepEqual(lines, []);
});

test('a look that began before a start ended does not count', async (t) => {
  const { machines, broken, lines, whole, release, made } = await slowMachines();
  release();
  await machines.put('a', spec);
  whole.delete('a');
  let started: Promise<void> = Promise.resolve();
  await machines.heal(async (all) => {
    const ids = await broken(all);
    // An order comes in between the look and its consequence.
    if (made() === 1) started = machines.start('a');
    return ids;
  });
  await started;
  t.is(made(), 2);
  t.deepEqual(lines, []);
});

test('one that ended is made again, and it is said', async (t) => {
  const { machines, broken, lines, whole, release, made } = await slowMachines();
  release();
  await machines.put('a', spec);
  whole.delete('a');
  await machines.heal(broken);
  t.is(made(), 2);
  t.deepEqual(lines, ['what should run does not, or not whole; making it again']);
});

test('one that is said to have ended is made again at once, and not in a hurry where it keeps ending', async (t) => {
  const { machines, broken, whole, release, made } = await slowMachines();
  release();
  await machines.put('a', spec);
  await machines.revive('a', broken);
  t.is(made(), 1, 'it runs');
  whole.delete('a');
  await machines.revive('a', broken);
  t.is(made(), 2);
  whole.delete('a');
  await machines.revive('a', broken);
  t.is(made(), 2);
  await machines.revive('nobody', broken);
});
