import { InvalidValueError } from '@isthmus/net';
import type { Parameter } from '../parameter.ts';
import { p } from '../parameter.ts';

function checkPassword(text: string): string {
  if (!/^[!#-&(-[\]-~]{1,20}$/.test(text)) {
    throw new InvalidValueError(text, '1 to 20 printable characters of ASCII without blanks, quotes and backslashes');
  }
  return text;
}

const description = "Password of the controller's user";

/** A controller's password, as IPMI 2.0 and its tool take it. */
export const passwordParameter: Parameter<string, true> = {
  ...p.opaque.required(description, { secret: true }),
  parse: checkPassword,
};
