import { MemoryFiles, silentLog } from '@isthmus/host';
import test from 'ava';
import { isPowered, type Powered, Records } from './records.ts';

const isNumber = { check: (value: unknown): value is number => typeof value === 'number', faults: () => [] };

function recordsIn(files: MemoryFiles): Records<Powered<number>> {
  return new Records(files, '/state/things', isPowered(isNumber));
}

test('what was put is there after a restart, and what was deleted is not', async (t) => {
  const files = new MemoryFiles();
  const records = recordsIn(files);
  await records.put('b', { power: 'Running', spec: 1 });
  await records.put('a', { power: 'Stopped', spec: 2 });
  await records.put('c', { power: 'Running', spec: 3 });
  await records.delete('c');
  await records.delete('never');
  const after = recordsIn(files);
  await after.load(silentLog);
  t.deepEqual(after.entries(), [
    ['a', { power: 'Stopped', spec: 2 }],
    ['b', { power: 'Running', spec: 1 }],
  ]);
  t.is(after.get('c'), undefined);
});

test('a file that is no record is left alone and passed over', async (t) => {
  const files = new MemoryFiles();
  await recordsIn(files).put('a', { power: 'Running', spec: 1 });
  await files.writeText('/state/things/cut.json', '{"power":');
  await files.writeText('/state/things/other.json', '{"power":"Asleep","spec":1}');
  await files.writeText('/state/things/spec.json', '{"power":"Running","spec":"text"}');
  await files.writeText('/state/things/note.txt', 'not a record');
  const records = recordsIn(files);
  await records.load(silentLog);
  t.deepEqual(
    records.entries().map(([id]) => id),
    ['a'],
  );
  t.is(await files.readText('/state/things/cut.json'), '{"power":');
});

test('a record that does not differ is not written again', async (t) => {
  const files = new MemoryFiles();
  const records = recordsIn(files);
  await records.put('a', { power: 'Running', spec: 1 });
  await files.remove('/state/things/a.json');
  await records.put('a', { power: 'Running', spec: 1 });
  t.false(await files.exists('/state/things/a.json'));
});
