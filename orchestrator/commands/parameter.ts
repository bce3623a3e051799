// A command's parameters as data: from them come parsing, the error texts, listApis and the reference pages.
import {
  InvalidValueError,
  parseFqdn,
  parseHostname,
  parseIpv4Address,
  parseIpv4Cidr,
  parseIpv6Address,
  parseIpv6Cidr,
} from '@isthmus/net';
import { isUuid } from '../model/uuid.ts';
import type { EntityName, EntityRow } from './entities.ts';
import { ApiError, parameterError } from './errors.ts';

/** CloudStack's name of a parameter's type, as listApis tells it. */
export type ApiType = 'string' | 'boolean' | 'integer' | 'long' | 'uuid' | 'list' | 'map' | 'date';

/**
 * What the values of a parameter are, closer than its ApiType: what is refused by all parameters of a kind is tested for
 * each of them (test/bad-input).
 */
export type ParameterKind =
  | 'text'
  | 'name'
  | 'opaque'
  | 'hostname'
  | 'fqdn'
  | 'ipv4'
  | 'ipv4Cidr'
  | 'ipv6'
  | 'ipv6Cidr'
  | 'ipv6CidrList'
  | 'boolean'
  | 'integer'
  | 'uuid'
  | 'date'
  | 'oneOf'
  | 'textList'
  | 'cidrList'
  | 'map'
  | 'entity'
  | 'entities'
  | 'idFilter'
  | 'absentFilter'
  | 'userData'
  | 'sshPublicKey'
  | 'instancePassword'
  | 'variableNames'
  | 'unserved'
  | 'unservedFlag';

/** One parameter. `parse` turns the text of the call into the value, or throws InvalidValueError. */
export interface Parameter<Value, Required extends boolean = boolean> {
  readonly type: ApiType;
  readonly kind: ParameterKind;
  readonly description: string;
  readonly required: Required;
  readonly maxLength: number;
  readonly parse: (text: string) => Value;
  /** Of `integer`: the least and the greatest value. */
  readonly range?: readonly [min: number, max: number];
  /** Of `oneOf`: the values. */
  readonly values?: readonly string[];
  /** For `uuid` of an entity: what it must name; the handler gets the row, already checked to be the caller's. */
  readonly entity?: EntityName;
  /** With `entity` and type `list`: several ids. */
  readonly several?: boolean;
  /** Left out of logs, events and the job's stored parameters. */
  readonly secret?: boolean;
  /** Only these roles may give it; from others it is ignored, as the field does. */
  readonly roles?: readonly Role[];
}

export type Role = 'Admin' | 'DomainAdmin' | 'User';
export type ParameterMap = Readonly<Record<string, Parameter<unknown>>>;

/** What a handler gets: a value for each parameter, undefined where an optional one was not given. */
export type ParameterValues<Params extends ParameterMap> = {
  readonly [Name in keyof Params]: Params[Name] extends Parameter<infer Value, infer Required>
    ? Required extends true
      ? Value
      : Value | undefined
    : never;
};

/** A parameter that names an entity by id. */
export interface EntityParameter<Name extends EntityName, Value, Required extends boolean>
  extends Parameter<Value, Required> {
  readonly entity: Name;
}

/** The values that a job's execution gets: without the entities, which may be gone when a job runs again. */
export type PlainValues<Params extends ParameterMap> = Omit<
  ParameterValues<Params>,
  { [Name in keyof Params]: Params[Name] extends { readonly entity: EntityName } ? Name : never }[keyof Params]
>;

type Options = { readonly maxLength?: number; readonly secret?: boolean; readonly roles?: readonly Role[] };

// Control characters, line and paragraph separators, and angle brackets never stand in a name or a text.
const forbidden = /[\p{Cc}\u2028\u2029<>]/u;

function freeText(text: string): string {
  if (forbidden.test(text)) throw new InvalidValueError(text, 'text without control characters, line breaks, < and >');
  return text;
}

function plainName(text: string): string {
  if (/["'`\\]/.test(text) || text.trim() === '') {
    throw new InvalidValueError(text, 'a name that is not blank, without quotes and backslashes');
  }
  return freeText(text);
}

function opaqueText(text: string): string {
  if (text.includes('\0')) throw new InvalidValueError(text, 'text without the character NUL');
  return text;
}

function boolean(text: string): boolean {
  // As Java's Boolean.parseBoolean: clients send True, False, None.
  return text.toLowerCase() === 'true';
}

function integerWithin(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= min && number <= max)) throw new InvalidValueError(text, `a whole number from ${min} to ${max}`);
    return number;
  };
}

function uuid(text: string): string {
  if (!isUuid(text)) throw new InvalidValueError(text, 'a UUID');
  return text.toLowerCase();
}

// ISO 8601 as CloudStack takes it: a date, or a date and a time, of a year that every calendar has.
const isoDate = /^(?:19|20|21)\d\d-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:?\d\d)?)?$/;

function date(text: string): Date {
  const time = isoDate.test(text) ? Date.parse(text.replace(/([+-]\d\d)(\d\d)$/, '$1:$2')) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new InvalidValueError(text, 'a date such as 2026-11-21 or 2026-11-21T09:00:00Z');
  }
  return new Date(time);
}

type TextObject = Readonly<Record<string, string>>;

function isTextObject(value: unknown): value is TextObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every((entry) => entry.every((text) => typeof text === 'string' && !forbidden.test(text)))
  );
}

function objects(text: string): TextObject[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (Array.isArray(value) && value.every(isTextObject)) return value;
  throw new InvalidValueError(text, 'a map such as NAME[0].field=value, its values text without control characters');
}

function oneOf<Value extends string>(values: readonly Value[]): (text: string) => Value {
  return (text) => {
    const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
    if (found === undefined) throw new InvalidValueError(text, `one of ${values.join(', ')}`);
    return found;
  };
}

function listOf<Value>(parse: (text: string) => Value): (text: string) => Value[] {
  return (text) => {
    const items = text
      .split(',')
      // Spaces alone: a line break is no way to separate anything.
      .map((item) => item.replaceAll(/^ +| +$/g, ''))
      .filter((item) => item !== '');
    // Not the same as no list: a list of nothing would open a port to everyone.
    if (items.length === 0) throw new InvalidValueError(text, 'a list of at least one item');
    return items.map(parse);
  };
}

type Traits = Pick<Parameter<unknown>, 'kind' | 'range' | 'values'>;

function make<Value>(type: ApiType, traits: Traits, parse: (text: string) => Value) {
  return {
    required: (description: string, options: Options = {}): Parameter<Value, true> => ({
      maxLength: 255,
      ...options,
      ...traits,
      type,
      description,
      required: true,
      parse,
    }),
    optional: (description: string, options: Options = {}): Parameter<Value, false> => ({
      maxLength: 255,
      ...options,
      ...traits,
      type,
      description,
      required: false,
      parse,
    }),
  };
}

/** Parameters by the kind of their value. Each has `.required(description, options)` and `.optional(…)`. */
export const p = {
  /** A description or a person's name: quotes and backslashes are as good as letters. */
  text: make('string', { kind: 'text' }, freeText),
  /** What something is called. */
  name: make('string', { kind: 'name' }, plainName),
  /** Taken as it is: passwords and keys. */
  opaque: make('string', { kind: 'opaque' }, opaqueText),
  hostname: make('string', { kind: 'hostname' }, parseHostname),
  fqdn: make('string', { kind: 'fqdn' }, parseFqdn),
  ipv4: make('string', { kind: 'ipv4' }, parseIpv4Address),
  ipv4Cidr: make('string', { kind: 'ipv4Cidr' }, parseIpv4Cidr),
  ipv6: make('string', { kind: 'ipv6' }, parseIpv6Address),
  ipv6Cidr: make('string', { kind: 'ipv6Cidr' }, parseIpv6Cidr),
  boolean: make('boolean', { kind: 'boolean' }, boolean),
  integer: (min: number, max: number) =>
    make('integer', { kind: 'integer', range: [min, max] }, integerWithin(min, max)),
  port: make('integer', { kind: 'integer', range: [1, 65535] }, integerWithin(1, 65535)),
  uuid: make('uuid', { kind: 'uuid' }, uuid),
  date: make('date', { kind: 'date' }, date),
  oneOf: <Value extends string>(...values: readonly Value[]) =>
    make('string', { kind: 'oneOf', values }, oneOf(values)),
  textList: make('list', { kind: 'textList' }, listOf(freeText)),
  cidrList: make('list', { kind: 'cidrList' }, listOf(parseIpv4Cidr)),
  ipv6CidrList: make('list', { kind: 'ipv6CidrList' }, listOf(parseIpv6Cidr)),
  /** `name[0].key=…&name[0].value=…` or `name[0].field=…`: the API joins them to a JSON array of objects first. */
  map: make('map', { kind: 'map' }, objects),
  /** A UUID that must name an entity of the caller's; the handler gets its row. */
  entity: <Name extends EntityName>(name: Name) => ({
    required: (description: string, options: Options = {}): EntityParameter<Name, EntityRow<Name>, true> =>
      entityParameter(name, description, true, options),
    optional: (description: string, options: Options = {}): EntityParameter<Name, EntityRow<Name>, false> =>
      entityParameter(name, description, false, options),
  }),
  /** UUIDs, comma-separated; the handler gets the rows. */
  entities: <Name extends EntityName>(name: Name) => ({
    optional: (description: string, options: Options = {}): EntityParameter<Name, EntityRow<Name>[], false> => ({
      maxLength: 4096,
      ...options,
      kind: 'entities',
      type: 'list',
      description,
      required: false,
      entity: name,
      several: true,
      parse: unresolved,
    }),
  }),
};

function entityParameter<Name extends EntityName, Required extends boolean>(
  entity: Name,
  description: string,
  required: Required,
  options: Options,
): EntityParameter<Name, EntityRow<Name>, Required> {
  return { maxLength: 255, ...options, kind: 'entity', type: 'uuid', description, required, entity, parse: unresolved };
}

function unresolved(): never {
  throw new Error('an entity parameter is resolved by the dispatcher, not parsed');
}

/** Reads the ids of an entity parameter. Throws the parameter error of the API. */
export function parseIds(name: string, parameter: Parameter<unknown>, text: string): string[] {
  try {
    return parameter.several === true ? listOf(uuid)(text) : [uuid(text)];
  } catch (error) {
    if (error instanceof InvalidValueError) throw parameterError(name, text, error.expected, error);
    throw error;
  }
}

/** The error for a value that does not fit; a secret one is not told. */
function refused(name: string, parameter: Parameter<unknown>, text: string, expected: string, cause?: unknown) {
  if (parameter.secret !== true) return parameterError(name, text, expected, cause);
  return new ApiError('parameter', `Invalid value for parameter ${name}: expected ${expected}`);
}

/** Reads one parameter that is not an entity. Throws the parameter error of the API. */
export function parseParameter(name: string, parameter: Parameter<unknown>, text: string): unknown {
  if (text.length > parameter.maxLength) {
    throw refused(name, parameter, text, `at most ${parameter.maxLength} characters`);
  }
  try {
    return parameter.parse(text);
  } catch (error) {
    if (error instanceof InvalidValueError) throw refused(name, parameter, text, error.expected, error);
    throw error;
  }
}
