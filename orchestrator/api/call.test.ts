import test from 'ava';
import { ApiError } from '../commands/errors.ts';
import { readCall } from './call.ts';

test('names are read in any case, values decoded with + and %20 alike', (t) => {
  const { parameters } = readCall('Command=listZones&displayText=a+b&NAME=c%20d', '');
  t.is(parameters.get('command'), 'listZones');
  t.is(parameters.get('displaytext'), 'a b');
  t.is(parameters.get('name'), 'c d');
});

test('query and form are one call', (t) => {
  const { parameters } = readCall('command=login', 'username=a&password=b%26c');
  t.deepEqual(
    [...parameters],
    [
      ['command', 'login'],
      ['username', 'a'],
      ['password', 'b&c'],
    ],
  );
});

test('a parameter given twice must say the same', (t) => {
  t.is(readCall('id=1&id=1', 'ID=1').parameters.get('id'), '1');
  const expectation = {
    instanceOf: ApiError,
    message: 'Parameter id is given twice with different values: expected it once',
  };
  t.is(t.throws(() => readCall('id=1&id=2', ''), expectation)?.errorcode, 431);
  t.is(t.throws(() => readCall('id=1', 'ID=2'), expectation)?.errorcode, 431);
});

test('maps are joined in the order of their numbers', (t) => {
  const { parameters } = readCall('details[1].key=b&details[1].value=2&details%5B0%5D.key=a&details[0].value=1', '');
  t.deepEqual(JSON.parse(parameters.get('details') ?? ''), [
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ]);
});

test('a map cannot reach into prototypes', (t) => {
  const { parameters } = readCall('x[0].__proto__=1&__proto__[0].y=2', '');
  t.is(parameters.get('x'), '[{"__proto__":"1"}]');
  t.is(({} as Record<string, unknown>).y, undefined);
});

test('more than 2,000 parameters are refused', (t) => {
  const query = Array.from({ length: 2_001 }, (_, index) => `p${index}=1`).join('&');
  t.is(t.throws(() => readCall(query, ''), { instanceOf: ApiError })?.errorcode, 430);
});
