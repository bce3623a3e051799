// The password of an instance: made or chosen here, sealed in its row until its guest has fetched it.
import { randomUUID } from 'node:crypto';
import { newPassword, parsePassword } from '../../model/password.ts';
import type { CommandContext, JobContext, ResponseObject } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { type Parameter, p } from '../parameter.ts';

/** A password as the API takes it. */
export const passwordParameter: Parameter<string, false> = {
  ...p.opaque.optional(
    'Its password, 8 to 128 printable characters; by default one is made. Its template must take passwords.',
  ),
  kind: 'instancePassword',
  secret: true,
  parse: parsePassword,
};

/** Columns of an instance for a new password. */
export async function newPasswordColumns(
  context: Pick<CommandContext, 'setting' | 'orchestration'>,
  given: string | undefined,
): Promise<{ sealed_password: string; password_version: string }> {
  const password = given ?? newPassword(Number(await context.setting('vm.password.length')));
  return { sealed_password: context.orchestration.sealSecret(password), password_version: randomUUID() };
}

/** Throws 431 where a password is given to an instance of a template that takes none. */
export function refusePassword(given: string | undefined): void {
  if (given !== undefined) throw parameterError('password', '(not shown)', 'none: the template takes no passwords');
}

/** The field `password` of a job's answer, where the job gave the instance one. It is sealed in the job's row. */
export async function passwordAnswer(
  context: Pick<JobContext, 'db' | 'orchestration'>,
  id: string,
): Promise<ResponseObject> {
  const row = await context.db
    .selectFrom('virtual_machine')
    .select('sealed_password')
    .where('id', '=', id)
    .executeTakeFirst();
  const sealed = row?.sealed_password ?? null;
  return sealed === null ? {} : { password: context.orchestration.openSecret(sealed) };
}
