// Passwords of instances.
import { randomInt } from 'node:crypto';
import { InvalidValueError } from '@isthmus/net';

/** Without what is read for another: 0 and O, 1, I and l. */
const classes = ['abcdefghijkmnopqrstuvwxyz', 'ABCDEFGHJKLMNPQRSTUVWXYZ', '23456789'] as const;
const every = classes.join('');

function pick(characters: string): string {
  return characters.charAt(randomInt(characters.length));
}

/** A new password of `length` characters, at least 3, with a small letter, a capital and a digit in random places. */
export function newPassword(length: number): string {
  const characters = [...classes.map(pick), ...Array.from({ length: length - classes.length }, () => pick(every))];
  for (let last = characters.length - 1; last > 0; last -= 1) {
    const other = randomInt(last + 1);
    [characters[last], characters[other]] = [characters[other] ?? '', characters[last] ?? ''];
  }
  return characters.join('');
}

/** A password that a tenant chose: it goes to the guest in a line of its own. Throws InvalidValueError. */
export function parsePassword(text: string): string {
  // The words of the protocol itself would be taken for no password.
  const isWord = ['saved_password', 'bad_request'].includes(text);
  if (isWord || !/^[!-~]{8,128}$/.test(text)) {
    throw new InvalidValueError(
      text,
      '8 to 128 printable ASCII characters without a space, and none of the answers of a password server',
    );
  }
  return text;
}
