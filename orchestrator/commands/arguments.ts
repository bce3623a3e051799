// From the text of a call to the values that a handler gets: parsed by the declaration, ids resolved to rows that are
// the caller's.
import type { Trx } from '../store/database.ts';
import { type AnyRow, loadRows, withinReach } from './access.ts';
import type { Caller, Command } from './declaration.ts';
import { type EntityName, entities } from './entities.ts';
import { ApiError, parameterError } from './errors.ts';
import { type Parameter, type ParameterMap, p, parseIds, parseParameter } from './parameter.ts';

/** Parameters of a call by their names in lower case. */
export type CallParameters = ReadonlyMap<string, string>;

function notFound(name: string, id: string, entity: EntityName): ApiError {
  // Terraform's provider takes an object for deleted by this sentence.
  return new ApiError(
    'parameter',
    `Invalid parameter ${name} value=${id} due to incorrect long value format, or entity does not exist: expected the id of a ${entities[entity].label}`,
  );
}

async function resolve(db: Trx, caller: Caller, name: string, entity: EntityName, ids: readonly string[]) {
  const rows = await loadRows(db, entity, ids);
  const resolved: AnyRow[] = [];
  for (const id of ids) {
    const row = rows.get(id);
    if (row === undefined) throw notFound(name, id, entity);
    if (!(await withinReach(db, caller, entity, row))) {
      const { label } = entities[entity];
      const message = `Account ${caller.accountName} may not use the ${label} that parameter ${name} names (${id}): expected a ${label} of its own`;
      throw new ApiError('account', message);
    }
    resolved.push(row);
  }
  return resolved;
}

/** Loads one entity by id for a caller: 431 where it is not there, 531 where it is not the caller's. */
export async function resolveEntity(db: Trx, caller: Caller, name: string, entity: EntityName, text: string) {
  const [id = ''] = parseIds(name, p.entity(entity).required(''), text);
  const [row] = await resolve(db, caller, name, entity, [id]);
  if (row === undefined) throw notFound(name, id, entity);
  return row;
}

/** The text of a parameter: undefined where it is not given, is empty, or is not for the caller's role. */
function given(caller: Caller, name: string, parameter: Parameter<unknown>, call: CallParameters): string | undefined {
  if (parameter.roles !== undefined && !parameter.roles.includes(caller.role)) return undefined;
  const text = call.get(name.toLowerCase());
  return text === '' ? undefined : text;
}

function missing(command: Command, name: string): ApiError {
  return new ApiError(
    'parameter',
    `Unable to execute API command ${command.name.toLowerCase()} due to missing parameter ${name}: expected a value`,
  );
}

async function entityValue(db: Trx, caller: Caller, name: string, parameter: Parameter<unknown>, text: string) {
  if (text.length > parameter.maxLength) throw parameterError(name, text, `at most ${parameter.maxLength} characters`);
  const { entity } = parameter;
  if (entity === undefined) throw new Error(`parameter ${name} names no entity`);
  const rows = await resolve(db, caller, name, entity, parseIds(name, parameter, text));
  return parameter.several === true ? rows : rows[0];
}

/**
 * The values of a command's parameters. Unknown parameters are ignored. Throws 431 for one that is missing, malformed or
 * names nothing, 531 for one that names what is not the caller's.
 */
export async function readArguments(
  db: Trx,
  caller: Caller,
  command: Command,
  call: CallParameters,
): Promise<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  const pending: [string, Parameter<unknown>, string][] = [];
  for (const [name, parameter] of Object.entries(command.parameters)) {
    const text = given(caller, name, parameter, call);
    if (text === undefined && parameter.required) throw missing(command, name);
    if (text === undefined) continue;
    if (parameter.entity === undefined) values[name] = parseParameter(name, parameter, text);
    else pending.push([name, parameter, text]);
  }
  // Ids last: what is malformed is refused without a query.
  for (const [name, parameter, text] of pending) values[name] = await entityValue(db, caller, name, parameter, text);
  return values;
}

/** What of a call a job's row keeps: the declared parameters as text, without secrets and what is not for the caller. */
export function storedArguments(caller: Caller, parameters: ParameterMap, call: CallParameters) {
  const kept = Object.entries(parameters).flatMap(([name, parameter]) => {
    const text = given(caller, name, parameter, call);
    return text === undefined || parameter.secret === true ? [] : [[name, text] as const];
  });
  return Object.fromEntries(kept);
}

/** The values that a job's execution gets from its row: no entities, no secrets. */
export function readStoredArguments(parameters: ParameterMap, stored: Readonly<Record<string, string>>) {
  const values: Record<string, unknown> = {};
  for (const [name, parameter] of Object.entries(parameters)) {
    const text = stored[name];
    if (text !== undefined && parameter.entity === undefined) values[name] = parseParameter(name, parameter, text);
  }
  return values;
}
