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
  const zone = { tags: [], id: '1', nic: [{ id: '2' }, { id: '3' }], ports: [1, 2] };
  t.is(
    tableOf({ zone }),
    [
      '┌───────┬──────────────────────────────┐',
      '│ id    │ 1                            │',
      '│ nic   │ 2 (--output json shows them) │',
      '│ ports │ 1, 2                         │',
      '└───────┴──────────────────────────────┘',
    ].join('\n'),
  );
  t.true(tableOf({ success: true }).includes('│ success │ true │'));
  t.is(tableOf({}), 'none');
});

test('rows stand close, and a column without any value is left out', (t) => {
  const text = tableOf({
    zone: [
      { id: '1', cidrlist: '' },
      { id: '2', cidrlist: '' },
    ],
  });
  t.is(text, ['┌────┐', '│ id │', '├────┤', '│ 1  │', '│ 2  │', '└────┘'].join('\n'));
});

test('a console proxy shows whether it is well and how many look, a console session who looks', (t) => {
  const proxy = { id: '1', name: 'v-3-VM', hostname: 'h', state: 'Running', agentstate: 'Up', activeviewersessions: 0 };
  t.deepEqual(columnsOf([proxy], []), ['id', 'name', 'hostname', 'state', 'agentstate', 'activeviewersessions']);
  const session = { id: '1', account: 'demo', user: 'demo', clientaddress: '192.0.2.7', console: 'vnc', mode: 'watch' };
  t.deepEqual(columnsOf([session], []), ['id', 'user', 'clientaddress', 'console', 'mode']);
});

test('asked columns win', (t) => {
  t.deepEqual(columnsOf([{ id: 1, foo: 2 }], ['foo']), ['foo']);
  t.deepEqual(columnsOf([{ foo: 2, bar: 3 }], []), ['foo', 'bar']);
});

test('a cell holds no control characters', (t) => {
  t.is(cellText('a\u001b[31mb\n'), 'a?[31mb?');
  t.is(cellText(undefined), '');
});

test('a text of several lines stands below its table as it is', (t) => {
  const text = tableOf({ keypair: { name: 'mine', privatekey: '-----BEGIN\n\u001b[31mMII\n-----END\n' } });
  t.is(
    text,
    [
      '┌────────────┬───────┐',
      '│ name       │ mine  │',
      '│ privatekey │ below │',
      '└────────────┴───────┘',
      'privatekey:',
      '-----BEGIN',
      '?[31mMII',
      '-----END',
    ].join('\n'),
  );
});

test('what has no id of its own shows what it holds', (t) => {
  const policies = {
    count: 1,
    stickinesspolicies: [{ lbruleid: '1', stickinesspolicy: [{ id: '2', name: 'cookie' }] }],
  };
  const rows = ['┌────┬────────┐', '│ id │ name   │', '├────┼────────┤', '│ 2  │ cookie │', '└────┴────────┘'];
  t.is(tableOf(policies), rows.join('\n'));
  const members = { count: 1, lbrulevmidip: [{ loadbalancerruleinstance: { id: '2', name: 'cookie' } }] };
  t.is(tableOf(members), rows.join('\n'));
  const checks = tableOf({ health: { routerid: '1', checks: [{ checkname: 'dns', status: 'SUCCESS' }] } });
  t.regex(checks, /routerid │ 1 .*\nchecks:\n.*\n│ checkname │ status {2}│\n.*\n│ dns {7}│ SUCCESS │\n/s);
});
