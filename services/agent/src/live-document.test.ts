import { DocumentDigest, sectionNames } from '@isthmus/contract';
import test from 'ava';
import fc from 'fast-check';
import { epoch, forward, settings, textOf } from './agent-fixture.ts';
import { LiveDocument } from './live-document.ts';

const identity = { epoch, generation: 1, hash: '0'.repeat(64) };

/** A change of forwards; a full push names every one that stays. */
const pushArbitrary = fc.record({
  isFull: fc.boolean(),
  upsert: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'constructor'), fc.integer({ min: 1, max: 9 })),
  remove: fc.subarray(['a', 'b', 'c', 'd', 'constructor', 'absent']),
  conntrackMax: fc.option(fc.integer({ min: 1024, max: 1030 })),
});

function push({
  isFull,
  upsert,
  remove,
  conntrackMax,
}: typeof pushArbitrary extends fc.Arbitrary<infer T> ? T : never) {
  const system = { ...settings.system, conntrackMax: conntrackMax ?? settings.system.conntrackMax };
  const entries = Object.fromEntries(Object.entries(upsert).map(([id, port]) => [id, forward(port)]));
  return {
    base: isFull ? null : identity,
    settings: isFull ? { ...settings, system } : conntrackMax === null ? {} : { system },
    entries: { 'nat.portForwards': { upsert: entries, remove: remove.filter((id) => !Object.hasOwn(entries, id)) } },
  };
}

/** The hash counted anew. */
function hashOf({ view }: LiveDocument): string {
  const digest = new DocumentDigest();
  for (const section of sectionNames) {
    if (view.settings[section] !== undefined) digest.setSettings(section, view.settings[section]);
  }
  for (const [id, entry] of view.entries['nat.portForwards']) digest.setEntry('nat.portForwards', id, entry);
  return digest.value();
}

test('after any changes the hash is the document’s, and an undo puts both back', (t) => {
  const holds = fc.property(fc.array(fc.tuple(pushArbitrary, fc.boolean()), { maxLength: 8 }), (changes) => {
    const document = new LiveDocument();
    for (const [change, isUndone] of changes) {
      const before = [textOf(document.view), document.hash];
      const applied = document.apply(push(change));
      if (document.hash !== hashOf(document)) return false;
      if (!isUndone) continue;
      applied.undo();
      if (textOf(document.view) !== before[0] || document.hash !== before[1]) return false;
    }
    return true;
  });
  t.notThrows(() => fc.assert(holds));
});

test('a change names what differs and nothing else', (t) => {
  const document = new LiveDocument();
  const full = (ids: string[]) =>
    push({ isFull: true, upsert: Object.fromEntries(ids.map((id) => [id, 1])), remove: [], conntrackMax: null });
  document.apply(full(['a', 'b']));
  const { sections, entries } = document.apply(full(['b', 'c']));
  t.deepEqual([...sections], []);
  t.deepEqual(entries['nat.portForwards'], [
    { id: 'a', before: forward(1) },
    { id: 'c', after: forward(1) },
  ]);
  t.deepEqual(entries['dhcp.hosts'], []);
});
