import test from 'ava';
import fc from 'fast-check';
import { type DhcpOptionValue, parseDhcpOptionValue } from './dhcp-option.ts';
import { InvalidValueError } from './invalid-value.ts';

const refused = { instanceOf: InvalidValueError };
const octets = (...list: number[]) => ({ kind: 'octets', octets: list });
const ascii = (text: string) => octets(...new TextEncoder().encode(text));

const taken: readonly (readonly [code: number, value: string, read: object])[] = [
  [42, '10.1.1.9', { kind: 'addresses', addresses: ['10.1.1.9'] }],
  [42, '10.1.1.9, 10.1.1.10', { kind: 'addresses', addresses: ['10.1.1.9', '10.1.1.10'] }],
  [16, '10.1.1.9', { kind: 'addresses', addresses: ['10.1.1.9'] }],
  [33, '10.9.0.1,10.1.1.9', { kind: 'addresses', addresses: ['10.9.0.1', '10.1.1.9'] }],
  [19, 'true', octets(1)],
  [19, 'False', octets(0)],
  [20, '1', octets(1)],
  [20, '0', octets(0)],
  [23, '64', octets(64)],
  [46, '8', octets(8)],
  [13, '258', octets(1, 2)],
  [22, '576', octets(2, 64)],
  [24, '4294967295', octets(255, 255, 255, 255)],
  [2, '-3600', octets(255, 255, 0xf1, 0xf0)],
  [2, '3600', octets(0, 0, 0x0e, 0x10)],
  [25, '68,296,1492', octets(0, 68, 1, 40, 5, 212)],
  [66, 'tftp.example.org', { kind: 'text', text: 'tftp.example.org' }],
  [17, '/srv/root, ro', { kind: 'text', text: '/srv/root, ro' }],
  [114, 'https://portal.example.org/?a="b"', ascii('https://portal.example.org/?a="b"')],
  [43, '0x0104c0000201', octets(1, 4, 192, 0, 2, 1)],
  [43, 'AB', ascii('AB')],
  [119, 'A.example, b.example', { kind: 'domains', domains: ['a.example', 'b.example'] }],
  [121, '10.9.0.0/16,10.1.1.254', octets(16, 10, 9, 10, 1, 1, 254)],
  [249, '0.0.0.0/0, 10.1.1.1, 10.2.3.4/32, 10.1.1.2', octets(0, 10, 1, 1, 1, 32, 10, 2, 3, 4, 10, 1, 1, 2)],
  [224, '0x00fF10', octets(0, 255, 16)],
  [224, '5', ascii('5')],
  [224, 'one "two", three\\ !', ascii('one "two", three\\ !')],
  [254, 'x'.repeat(255), ascii('x'.repeat(255))],
];

for (const [code, value, read] of taken) {
  test(`reads option ${code} of ${JSON.stringify(value.slice(0, 60))}`, (t) => {
    t.deepEqual<unknown, unknown>(parseDhcpOptionValue(code, value), read);
  });
}

const bad: readonly (readonly [code: number, value: string, expected: RegExp])[] = [
  [42, 'ntp.example.org', /IPv4/],
  [42, '10.1.1.9,', /IPv4/],
  [42, '', /IPv4/],
  [42, Array.from({ length: 64 }, () => '10.1.1.9').join(','), /at most 63/],
  [16, '10.1.1.9,10.1.1.10', /at most 1 IPv4 address/],
  [21, '10.1.1.9', /pairs/],
  [19, 'yes', /true or false/],
  [19, 'constructor', /true or false/],
  [23, '0', /from 1 to 255/],
  [23, '256', /from 1 to 255/],
  [46, '9', /from 1 to 8/],
  [13, '65536', /from 0 to 65535/],
  [22, '575', /from 576 to 65535/],
  [24, '4294967296', /from 0 to 4294967295/],
  [24, '-1', /from 0/],
  [24, '1e3', /whole number/],
  [24, '0x10', /whole number/],
  [24, ' 1', /whole number/],
  [2, '86401', /from -86400 to 86400/],
  [25, '68,,70', /whole number/],
  [25, Array.from({ length: 128 }, () => '68').join(','), /1 to 255 octets/],
  [66, 'a"b', /without quotation marks/],
  [66, 'a\\b', /without quotation marks/],
  [66, '', /1 to 255/],
  [66, 'a'.repeat(256), /1 to 255/],
  [114, 'ü', /printable ASCII/],
  [43, 'A', /two octets/],
  [43, '0x01', /two octets/],
  [119, 'a_b.example', /domain name/],
  [119, 'example.12', /last label has a letter/],
  [119, Array.from({ length: 32 }, () => 'abcdefg').join(','), /253 characters/],
  [121, '10.9.0.0/16', /pairs/],
  [121, '10.9.0.1/16,10.1.1.254', /./],
  [121, '10.9.0.0,10.1.1.254', /./],
  [121, Array.from({ length: 29 }, () => '10.2.3.4/32,10.1.1.2').join(','), /1 to 255 octets/],
  [224, '0xf', /hexadecimal/],
  [224, '0x', /hexadecimal/],
  [224, '0xzz', /hexadecimal/],
  [224, `0x${'00'.repeat(256)}`, /hexadecimal/],
  [224, '', /printable ASCII/],
];

for (const [code, value, expected] of bad) {
  test(`refuses option ${code} of ${JSON.stringify(value.slice(0, 60))}`, (t) => {
    const error = t.throws(() => parseDhcpOptionValue(code, value), refused);
    t.regex(error?.expected ?? '', expected);
  });
}

test('options that the router decides, and those of the exchange, are refused, whatever they say', (t) => {
  const decided = [
    1, 3, 6, 12, 15, 26, 28, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 77, 80, 81, 82, 90, 93, 118,
  ];
  for (const code of decided) {
    for (const value of ['1', '10.1.1.9', 'text', '0x01020304']) {
      const error = t.throws(() => parseDhcpOptionValue(code, value), refused);
      t.regex(error?.expected ?? '', /router's own \(/, String(code));
    }
  }
  for (const code of [0, 255, 256, -1, 4.5, Number.NaN]) t.throws(() => parseDhcpOptionValue(code, 'a'), refused);
});

const hostile = ['\n', '\r', '\0', '\t', '\u0085', '\u2028', '\u00a0', '\u212a', '１', 'é', '\ud800', '\u007f'];

test('nothing outside of printable ASCII is in any value', (t) => {
  for (let code = 1; code <= 254; code += 1) {
    for (const character of hostile) {
      for (const value of [character, `a${character}`, `${character}10.1.1.9`, `1${character}`]) {
        // Around the items of a list white space is left out, line breaks too.
        const read = quiet(code, value);
        if (read !== null) t.false(textOf(read).includes(character), `${code}: ${JSON.stringify(value)}`);
      }
    }
  }
});

function quiet(code: number, value: string): DhcpOptionValue | null {
  try {
    return parseDhcpOptionValue(code, value);
  } catch (error) {
    if (error instanceof InvalidValueError) return null;
    throw error;
  }
}

function textOf(read: DhcpOptionValue): string {
  if (read.kind === 'text') return read.text;
  if (read.kind === 'addresses') return read.addresses.join(',');
  return read.kind === 'domains' ? read.domains.join(',') : read.octets.map((octet) => octet.toString(16)).join(':');
}

test('whatever is read fits into an option and into a line of a file, and nothing else is thrown', (t) => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 260 }),
    fc.ipV4(),
    fc.array(fc.ipV4(), { minLength: 1, maxLength: 70 }).map((list) => list.join(',')),
    fc.integer().map(String),
    fc.domain(),
    fc.uint8Array({ maxLength: 260 }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`),
    fc.tuple(fc.ipV4(), fc.nat({ max: 33 }), fc.ipV4()).map(([to, length, by]) => `${to}/${length},${by}`),
  );
  let read = 0;
  fc.assert(
    fc.property(fc.integer({ min: -1, max: 256 }), value, (code, text) => {
      const found = quiet(code, text);
      if (found === null) return;
      read += 1;
      if (found.kind === 'octets') {
        t.true(found.octets.length >= 1 && found.octets.length <= 255);
        t.true(found.octets.every((octet) => Number.isInteger(octet) && octet >= 0 && octet <= 255));
      } else if (found.kind === 'addresses') {
        t.true(found.addresses.length >= 1 && found.addresses.length <= 63);
        t.true(found.addresses.every((address) => /^[\d.]{7,15}$/.test(address)));
      } else if (found.kind === 'domains') {
        t.true(found.domains.length >= 1 && /^[a-z0-9.,-]{1,253}$/.test(found.domains.join(',')));
      } else {
        t.regex(found.text, /^[ !#-[\]-~]{1,255}$/);
      }
    }),
    { numRuns: 5000 },
  );
  t.true(read > 500, `${read} values were read`);
});

test('an option without a type of its own carries any octets', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 255 }), (bytes) => {
      const read = parseDhcpOptionValue(224, `0x${Buffer.from(bytes).toString('hex')}`);
      t.deepEqual(read, { kind: 'octets', octets: [...bytes] });
    }),
  );
});
