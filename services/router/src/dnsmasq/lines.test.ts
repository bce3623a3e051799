import test from 'ava';
import fc from 'fast-check';
import { type EntryLine, HeldLines, inverse, type LineChange, LineIndex, wholeChange } from './lines.ts';

const line = fc.nat({ max: 8 }).chain(
  (n): fc.Arbitrary<EntryLine> =>
    fc.constantFrom('a', 'b').map((name) => ({
      text: `${n} ${name}`,
      unique: [`address ${n}`],
      traces: [`address ${n}`, `hostname ${name}`],
    })),
);
/** States of a file: lines by id, no two with the same address. */
const state = fc
  .uniqueArray(fc.tuple(fc.constantFrom('p', 'q', 'r', 's', 't'), line), { selector: ([id]) => id })
  .map((entries) => new Map(entries))
  .filter((lines) => new Set([...lines.values()].map(({ unique }) => unique[0])).size === lines.size);

function stepTo(index: LineIndex, wanted: ReadonlyMap<string, EntryLine>): LineChange[] {
  return [...new Set([...index.ids(), ...wanted.keys()])]
    .map((id) => ({ id, before: index.get(id), after: wanted.get(id) }))
    .filter(({ before, after }) => before?.text !== after?.text);
}

const sorted = (text: string) => text.split('\n').sort();

test('changes one by one, and back, come to the same as all at once', (t) => {
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 6 }), (states) => {
      const stepwise = new LineIndex();
      for (const wanted of states) {
        const scratch = new LineIndex();
        scratch.replace(wholeChange(scratch, wanted));
        const before = stepwise.text();
        const change = stepTo(stepwise, wanted);
        stepwise.replace(change);
        stepwise.replace(inverse(change));
        t.deepEqual(sorted(stepwise.text()), sorted(before));
        stepwise.replace(change);
        t.deepEqual(sorted(stepwise.text()), sorted(scratch.text()));
        for (let n = 0; n <= 8; n += 1) t.is(stepwise.owner(`address ${n}`), scratch.owner(`address ${n}`));
        t.deepEqual(wholeChange(stepwise, wanted), []);
        t.is(stepwise.size, wanted.size);
      }
    }),
  );
});

test('held lines collide with what shares a trace with one of them, until the last such line goes', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), line)), line, (steps, other) => {
      const held = new HeldLines();
      const model = new Map<string, EntryLine>();
      for (const [isAdded, each] of steps) {
        if (isAdded) {
          held.add(each);
          model.set(each.text, each);
        } else {
          t.is(held.delete(each), model.delete(each.text));
        }
      }
      const traces = new Set([...model.values()].flatMap((each) => each.traces));
      t.is(
        held.collidesWith(other),
        other.traces.some((trace) => traces.has(trace)),
      );
      t.is(held.size, model.size);
      t.deepEqual(
        held.lines().map(({ text }) => text),
        [...model.keys()],
      );
    }),
  );
});
