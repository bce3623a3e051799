import test from 'ava';
import { InvalidValueError, parses } from './invalid-value.ts';

test('the error says what was read and what was expected', (t) => {
  const error = new InvalidValueError('a\n', 'a port');
  t.is(error.message, '"a\\n" is not valid: expected a port');
  t.like(error, { name: 'InvalidValueError', value: 'a\n', expected: 'a port' });
});

test('parses tells a bad value from a fault', (t) => {
  t.true(parses(() => 1));
  t.false(
    parses(() => {
      throw new InvalidValueError(1, 'x');
    }),
  );
  t.throws(() =>
    parses(() => {
      throw new TypeError('a fault');
    }),
  );
});
