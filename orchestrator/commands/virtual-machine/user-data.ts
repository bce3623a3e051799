import { InvalidValueError } from '@isthmus/net';
import type { Parameter } from '../parameter.ts';

/** Longest user data in characters of Base64: the field's default of vm.userdata.max.length. */
const maxLength = 32_768;

/** User data as the API takes it: Base64, kept as it is. Left out of jobs and logs, as it often holds secrets. */
export const userDataParameter: Parameter<string, false> = {
  type: 'string',
  kind: 'userData',
  description: 'User data for the instance, Base64, at most 32768 characters',
  required: false,
  maxLength,
  secret: true,
  parse: (text) => {
    // Clients leave the + of Base64 unescaped in the URL, where it means a space.
    const data = text.replaceAll(' ', '+');
    const valid = /^[A-Za-z0-9+/_-]*={0,2}$/.test(data) && data.replace(/=+$/, '').length % 4 !== 1;
    if (!valid) throw new InvalidValueError(text, 'user data in Base64');
    return data;
  },
};
