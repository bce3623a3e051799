import { InvalidValueError } from '@isthmus/net';
import { isDetailName, isDetailValue, longestUserData, parseUserData } from '../../model/user-data.ts';
import type { CommandContext } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { type Parameter, p } from '../parameter.ts';

/** User data as the API takes it: Base64. Left out of jobs and logs, as it often holds secrets. */
export const userDataParameter: Parameter<string, false> = {
  type: 'string',
  kind: 'userData',
  description:
    'User data in Base64, at most as long as the setting vm.userdata.max.length says; a long one goes by POST',
  required: false,
  maxLength: longestUserData,
  secret: true,
  parse: parseUserData,
};

/** Values of variables of user data: items of the meta-data of that name. */
export const userDataDetailsParameter: Parameter<Readonly<Record<string, string>>, false> = {
  ...p.map.optional('Values of the variables in its user data: userdatadetails[0].NAME=VALUE', { secret: true }),
  maxLength: 65_536,
  parse: (text) => {
    const expected =
      'a map such as userdatadetails[0].NAME=VALUE, its names of letters, digits, _ and -, each value one line without quotes';
    try {
      const details = Object.assign({}, ...p.map.optional('').parse(text)) as Record<string, string>;
      const isWhole = Object.entries(details).every(([name, value]) => isDetailName(name) && isDetailValue(value));
      if (isWhole) return details;
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      throw new InvalidValueError(text, expected);
    }
    throw new InvalidValueError(text, expected);
  },
};

/** Throws 431 where user data is longer than the installation allows. */
export async function checkUserDataLength(context: Pick<CommandContext, 'setting'>, data: string): Promise<void> {
  const most = Number(await context.setting('vm.userdata.max.length'));
  if (data.length > most) {
    throw parameterError('userdata', `of ${data.length} characters`, `at most ${most} (vm.userdata.max.length)`);
  }
}
