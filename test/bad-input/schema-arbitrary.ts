// Any value that a schema of the contract admits: derived from the schema, so that a new field is generated from the day
// that it is there.
import { validator } from '@isthmus/contract';
import { ipv4FromNumber, ipv4Network, ipv6FromBigInt, ipv6Network, macFromNumber } from '@isthmus/net';
import fc from 'fast-check';
import type { TSchema } from 'typebox';

/** The parts of JSON Schema that the contract uses. */
export interface PlainSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly PlainSchema[];
  readonly properties?: Readonly<Record<string, PlainSchema>>;
  readonly patternProperties?: Readonly<Record<string, PlainSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: PlainSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
  readonly pattern?: string;
  readonly maxLength?: number;
}

/** What somebody would try to smuggle into a file, or out of a word. */
export const smuggled = [
  '\n',
  '\r',
  '\r\n',
  '\0',
  '\t',
  ' ',
  '"',
  "'",
  '`',
  '\\',
  '#',
  ',',
  ';',
  '=',
  '%0a',
  '$(id)',
  '$HOME',
  '<script>',
  '\u0085',
  '\u2028',
  '\u00a0',
  '\u212A',
  '\uFF0E',
  '１',
  '\ud800',
  '/../',
  '\nCOMMIT\n',
  '\naddress=/#/192.0.2.66',
  ' -j ACCEPT',
] as const;

const label = fc.oneof(
  fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
  // Words that mean something to the daemons.
  fc.constantFrom(
    'ignore',
    'infinite',
    '24h',
    '3600',
    'all',
    'default',
    'lo',
    'commit',
    'set',
    'a--b',
    '0',
    'localhost',
  ),
);
const number = fc.oneof(fc.nat({ max: 0xffff_ffff }), fc.constantFrom(0, 1, 0x7f00_0001, 0xe000_0001, 0xffff_ffff));

const address6 = fc
  .oneof(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.constantFrom(0n, 1n, 0xffffn << 32n, 2n ** 128n - 1n))
  .map(ipv6FromBigInt);

/** Values by format; a format that is not here fails the test that uses it. */
const formats: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'ipv4-address': number.map(ipv4FromNumber),
  'ipv4-cidr': fc.tuple(number, fc.nat({ max: 32 })).map(([from, length]) => ipv4Network(ipv4FromNumber(from), length)),
  'ipv6-address': address6,
  'ipv6-cidr': fc.tuple(address6, fc.nat({ max: 128 })).map(([from, length]) => ipv6Network(from, length)),
  'mac-address': fc.nat({ max: 0xffff_ffff }).map(macFromNumber),
  'host-name': label,
  fqdn: fc.array(label, { minLength: 1, maxLength: 8 }).map((labels) =>
    labels
      .join('.')
      .slice(0, 252)
      .replace(/[.-]+$/, '')
      .replace(/^(?:\d+\.){3}\d+$/, '$&a'),
  ),
  'interface-name': fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/),
    fc.constantFrom('eth0', 'eth2', 'all', 'default', 'lo', 'dev', 'up', 'a..b', '0'),
  ),
};

/** Values of a pattern, which says itself what may stand in them; no repetition goes beyond 40. */
function patterned(pattern: string): fc.Arbitrary<string> {
  return fc.stringMatching(new RegExp(pattern.replaceAll(/\{(\d+),\d{3,}\}/g, '{$1,40}')));
}

function text(schema: PlainSchema): fc.Arbitrary<unknown> {
  const plain = schema.pattern === undefined ? formats[schema.format ?? ''] : patterned(schema.pattern);
  if (plain === undefined) throw new Error(`no values for format ${schema.format}: add them to schema-arbitrary.ts`);
  const { check } = validator(schema as TSchema);
  // Most of what is smuggled in is refused; whatever is not, is tried.
  return fc
    .tuple(plain, fc.constantFrom('', ...smuggled), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([value, extra, where]) => {
      const at = Math.round(where * value.length);
      const mixed = value.slice(0, at) + extra + value.slice(at);
      return check(mixed) ? mixed : value;
    })
    .filter(check);
}

/** An arbitrary of everything that the schema admits (arrays: up to six items). */
export function arbitraryOf(schema: PlainSchema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(arbitraryOf));
  const [map] = Object.entries(schema.patternProperties ?? {});
  if (map !== undefined) return fc.dictionary(patterned(map[0]), arbitraryOf(map[1]), { maxKeys: 4 });
  switch (schema.type) {
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 2 ** 31 - 1 });
    case 'number':
      return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 2 ** 31, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'string':
      return text(schema);
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 6, 6),
      });
    case 'object':
      return fc.record(
        Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, each]) => [name, arbitraryOf(each)])),
        { requiredKeys: [...(schema.required ?? [])] },
      );
    default:
      throw new Error(`no values for ${JSON.stringify(schema)}: add them to schema-arbitrary.ts`);
  }
}

/** Every string of a schema, with the path to it. */
export function stringsOf(schema: PlainSchema, path = ''): { readonly path: string; readonly schema: PlainSchema }[] {
  if (schema.enum !== undefined || schema.const !== undefined) return [];
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap((each) => stringsOf(each, path));
  if (schema.patternProperties !== undefined) {
    return Object.values(schema.patternProperties).flatMap((each) => stringsOf(each, `${path}{}`));
  }
  if (schema.type === 'string') return [{ path, schema }];
  if (schema.items !== undefined) return stringsOf(schema.items, `${path}[]`);
  return Object.entries(schema.properties ?? {}).flatMap(([name, each]) => stringsOf(each, `${path}.${name}`));
}
