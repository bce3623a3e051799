// A command's parameters as data: from them come parsing, the error texts, listApis and the reference pages.
import {
  InvalidValueError,
  parseFqdn,
  parseHostname,
  parseIpv4Address,
  parseIpv4Cidr,
  parseMacAddress,
} from '@isthmus/net';
import type { EntityName, EntityRow } from './entities.ts';
import { parameterError } from './errors.ts';

/** CloudStack's name of a parameter's type, as listApis tells it. */
export type ApiType = 'string' | 'boolean' | 'integer' | 'long' | 'uuid' | 'list' | 'map' | 'date';

/** One parameter. `parse` turns the text of the call into the value, or throws InvalidValueError. */
export interface Parameter<Value, Required extends boolean = boolean> {
  readonly type: ApiType;
  readonly description: string;
  readonly required: Required;
  readonly maxLength: number;
  readonly parse: (text: string) => Value;
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
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) {
    throw new InvalidValueError(text, 'a UUID');
  }
  return text.toLowerCase();
}

function oneOf<Value extends string>(values: readonly Value[]): (text: string) => Value {
  return (text) => {
    const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
    if (found === undefined) throw new InvalidValueError(text, `one of ${values.join(', ')}`);
    return found;
  };
}

function listOf<Value>(parse: (text: string) => Value): (text: string) => Value[] {
  return (text) =>
    text
      .split(',')
      // Spaces alone: a line break is no way to separate anything.
      .map((item) => item.replaceAll(/^ +| +$/g, ''))
      .filter((item) => item !== '')
      .map(parse);
}

function make<Value>(type: ApiType, parse: (text: string) => Value) {
  return {
    required: (description: string, options: Options = {}): Parameter<Value, true> => ({
      maxLength: 255,
      ...options,
      type,
      description,
      required: true,
      parse,
    }),
    optional: (description: string, options: Options = {}): Parameter<Value, false> => ({
      maxLength: 255,
      ...options,
      type,
      description,
      required: false,
      parse,
    }),
  };
}

/** Parameters by the kind of their value. Each has `.required(description, options)` and `.optional(…)`. */
export const p = {
  text: make('string', freeText),
  /** Taken as it is: passwords and user data. */
  opaque: make('string', (text) => text),
  hostname: make('string', parseHostname),
  fqdn: make('string', parseFqdn),
  ipv4: make('string', parseIpv4Address),
  ipv4Cidr: make('string', parseIpv4Cidr),
  mac: make('string', parseMacAddress),
  boolean: make('boolean', boolean),
  integer: (min: number, max: number) => make('integer', integerWithin(min, max)),
  long: (min: number, max: number) => make('long', integerWithin(min, max)),
  port: make('integer', integerWithin(1, 65535)),
  uuid: make('uuid', uuid),
  date: make('date', (text) => {
    const time = Date.parse(text);
    if (Number.isNaN(time)) throw new InvalidValueError(text, 'a date such as 2026-11-21 or 2026-11-21T09:00:00Z');
    return new Date(time);
  }),
  oneOf: <Value extends string>(...values: readonly Value[]) => make('string', oneOf(values)),
  list: <Value>(parse: (text: string) => Value) => make('list', listOf(parse)),
  textList: make('list', listOf(freeText)),
  cidrList: make('list', listOf(parseIpv4Cidr)),
  /** `name[0].key=…&name[0].value=…` or `name[0].field=…`: the API joins them to a JSON array of objects first. */
  map: make('map', (text): Readonly<Record<string, string>>[] => JSON.parse(text)),
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
  return { maxLength: 255, ...options, type: 'uuid', description, required, entity, parse: unresolved };
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

/** Reads one parameter that is not an entity. Throws the parameter error of the API. */
export function parseParameter(name: string, parameter: Parameter<unknown>, text: string): unknown {
  if (text.length > parameter.maxLength) {
    throw parameterError(name, text, `at most ${parameter.maxLength} characters`);
  }
  try {
    return parameter.parse(text);
  } catch (error) {
    if (error instanceof InvalidValueError) throw parameterError(name, text, error.expected, error);
    throw error;
  }
}
