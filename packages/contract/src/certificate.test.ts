import test from 'ava';
import { isInstallationId } from './certificate.ts';

test('no installation has an id that ip(8) takes for the number of a device', (t) => {
  for (const id of ['ab12', 'if', 'ifab', 'i5f2', 'zzzz']) t.is(isInstallationId(id), id.length === 4, id);
  for (const id of ['if5f', 'if00', 'if99', '1abc', 'aB12', 'ab123']) t.false(isInstallationId(id), id);
});
