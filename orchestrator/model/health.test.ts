import test from 'ava';
import { clockResult, mayRecreate, versionResult } from './health.ts';

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);

test('a clock is right within what the question took and 30 s', (t) => {
  t.is(clockResult(at(0).toISOString(), at(-1), at(1)).status, 'SUCCESS');
  t.is(clockResult(at(40).toISOString(), at(0), at(60)).status, 'SUCCESS');
  t.is(clockResult(at(31).toISOString(), at(0), at(1)).status, 'SUCCESS');
  t.is(clockResult(at(32).toISOString(), at(0), at(1)).status, 'FAILURE');
  t.is(clockResult(at(-31).toISOString(), at(0), at(1)).status, 'FAILURE');
});

test('a network is given another router at most in pauses that double, up to a day', (t) => {
  t.true(mayRecreate(0, null, at(0)));
  t.false(mayRecreate(1, at(0), at(1799)));
  t.true(mayRecreate(1, at(0), at(1800)));
  t.false(mayRecreate(2, at(0), at(3599)));
  t.true(mayRecreate(2, at(0), at(3600)));
  t.false(mayRecreate(40, at(0), at(86_399)));
  t.true(mayRecreate(40, at(0), at(86_400)));
});

test('an older release is a warning, a document that is not served a failure', (t) => {
  const status = (servesAcknowledged: boolean, version: string | null, newest: string | null) =>
    versionResult({ servesAcknowledged, version, newest }, at(0)).status;
  t.is(status(true, null, null), 'SUCCESS');
  t.is(status(true, null, '2'), 'SUCCESS');
  t.is(status(true, '2', '2'), 'SUCCESS');
  t.is(status(true, '1', '2'), 'WARNING');
  t.is(status(false, '2', '2'), 'FAILURE');
});
