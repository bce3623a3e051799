// What an instance is given to read: its own user data, that which is kept under a name, that of its template.
import { InvalidValueError } from '@isthmus/net';
import { combineUserData } from '../../model/user-data.ts';
import type { CommandContext } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { checkUserDataLength, userDataDetailsParameter, userDataParameter } from './parameter.ts';

/** Parameters of commands that give user data. */
export const userDataParameters = {
  userdata: userDataParameter,
  userdataid: p.entity('user_data').optional('User data that is kept under a name, in place of userdata'),
  userdatadetails: userDataDetailsParameter,
};

/** What a call gives. */
export interface GivenUserData {
  readonly userdata?: string | undefined;
  readonly userdataid?: EntityRow<'user_data'> | undefined;
  readonly userdatadetails?: Readonly<Record<string, string>> | undefined;
}

/** True where a call gives user data, or values of its variables. */
export function givesUserData({ userdata, userdataid, userdatadetails }: GivenUserData): boolean {
  return userdata !== undefined || userdataid !== undefined || userdatadetails !== undefined;
}

/** Columns of an instance of the template for its user data. Throws 431 for what cannot be given, or not together. */
export async function userDataOfInstance(
  context: Pick<CommandContext, 'db' | 'setting'>,
  templateId: string,
  { userdata, userdataid, userdatadetails }: GivenUserData,
): Promise<{ user_data: string | null; user_data_id: string | null; user_data_details: string | null }> {
  if (userdata !== undefined && userdataid !== undefined) {
    throw parameterError('userdataid', userdataid.id, 'none beside userdata');
  }
  if (userdata !== undefined) await checkUserDataLength(context, userdata);
  const template = await context.db
    .selectFrom('template')
    .innerJoin('user_data', 'user_data.id', 'template.user_data_id')
    .select(['user_data.data', 'template.user_data_policy'])
    .where('template.id', '=', templateId)
    .executeTakeFirst();
  const linked =
    template === undefined ? null : { data: template.data, policy: template.user_data_policy ?? 'ALLOWOVERRIDE' };
  try {
    return {
      user_data: combineUserData(linked, userdata ?? userdataid?.data ?? null),
      user_data_id: userdataid?.id ?? null,
      user_data_details: userdatadetails === undefined ? null : JSON.stringify(userdatadetails),
    };
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    const name = userdata === undefined ? 'userdataid' : 'userdata';
    // Without its value, which may hold secrets.
    throw new ApiError('parameter', `Invalid value for parameter ${name}: expected ${error.expected}`, {
      cause: error,
    });
  }
}
