import test from 'ava';
import { generateKey, generatePassword, hashPassword, passwordMatches } from './password.ts';

test('a password matches its own hash alone', async (t) => {
  const hash = await hashPassword('correct horse');
  t.true(await passwordMatches('correct horse', hash));
  t.false(await passwordMatches('correct horse ', hash));
  t.false(await passwordMatches('', hash));
});

test('equal passwords have different hashes, and no hash holds its password', async (t) => {
  const [one, two] = [await hashPassword('same'), await hashPassword('same')];
  t.not(one, two);
  t.false(one.includes('same'));
});

test('nobody has no password', async (t) => {
  t.false(await passwordMatches('', null));
  t.false(await passwordMatches('x', 'not a hash'));
});

test('one password in two Unicode spellings is one password', async (t) => {
  t.true(await passwordMatches('u\u0308', await hashPassword('\u00fc')));
});

test('generated secrets differ and have their length', (t) => {
  t.is(new Set(Array.from({ length: 100 }, generateKey)).size, 100);
  t.is(generateKey().length, 86);
  t.is(generatePassword().length, 20);
});
