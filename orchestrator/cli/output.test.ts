import test from 'ava';
import { cellText, columnsOf, tableOf } from './output.ts';

test('a list is a table of the fields that people look for', (t) => {
  const text = tableOf({
    count: 3,
    network: [{ zonename: 'z', state: 'Implemented', name: 'web', id: '1', nested: [] }],
  });
  t.is(
    text,
    [
      '┌────┬──────┬─────────────┐',
      '│ id │ name │ state       │',
      '├────┼──────┼─────────────┤',
      '│ 1  │ web  │ Implemented │',
      '└────┴──────┴─────────────┘',
      '1 of 3',
    ].join('\n'),
  );
});

test('an object is a table of its fields, an empty list is none', (t) => {
  t.true(tableOf({ zone: { id: '1', tags: [] } }).includes('│ tags │ [] │'));
  t.true(tableOf({ success: true }).includes('│ success │ true │'));
  t.is(tableOf({}), 'none');
});

test('asked columns win', (t) => {
  t.deepEqual(columnsOf([{ id: 1, foo: 2 }], ['foo']), ['foo']);
  t.deepEqual(columnsOf([{ foo: 2, bar: 3 }], []), ['foo', 'bar']);
});

test('a cell holds no control characters', (t) => {
  t.is(cellText('a\u001b[31mb\n'), 'a?[31mb?');
  t.is(cellText(undefined), '');
});
