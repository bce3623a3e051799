// What each kind of parameter must refuse, and a value that each takes. A new kind without rows does not compile.
import type { Parameter, ParameterKind } from '@isthmus/orchestrator/commands/parameter';

type AnyParameter = Parameter<unknown>;

interface Rows {
  /** A value that the parameter takes. Ids of entities come from the world. */
  readonly valid: (parameter: AnyParameter) => string;
  readonly refused: (parameter: AnyParameter) => readonly string[];
}

const brokenLines = ['line\nbreak', 'line\rbreak', 'nul\0byte', 'bell\u0007', 'next\u0085line', 'separator\u2028'];
const markup = ['<script>alert(1)</script>'];
const quotes = ['a"b', "a'b", 'a`b', 'a\\b'];
const notAName = [
  ...brokenLines,
  ...markup,
  ...quotes,
  'with space',
  'under_score',
  '-first',
  'last-',
  '%0a',
  'a;b',
  'a,b',
  'a#b',
  'ümlaut',
  '\u212A',
];
const notAnAddress = [
  ...brokenLines,
  ...quotes,
  'localhost',
  '10.1.1',
  '10.1.1.1.1',
  '10.1.1.256',
  '010.1.1.1',
  '0x0a.1.1.1',
  '167837953',
  '10.1.1.1\n',
  ' 10.1.1.1',
  '10.1.1.1/24',
  '10.1.1.1%0a',
  '::1',
  '::ffff:10.1.1.1',
  '１0.1.1.1',
  '-1.1.1.1',
];
const notACidr = [
  ...brokenLines,
  '10.1.1.0',
  '10.1.1.0/',
  '/24',
  '10.1.1.0/33',
  '10.1.1.0/-1',
  '10.1.1.0/024',
  '10.1.1.0/24.0',
  '10.1.1.0/1e1',
  '10.1.1.0/255.255.255.0',
  '10.1.1.7/24',
  '010.1.1.0/24',
  '10.1/16',
  'fd00::/8',
  '10.1.1.0/24\n',
  '10.1.1.0/24;drop',
];
const notAUuid = [
  'x',
  '1',
  '-1',
  '0',
  "' or '1'='1",
  '{6f9619ff-8b86-d011-b42d-00c04fc964ff}',
  '6f9619ff8b86d011b42d00c04fc964ff',
  '6f9619ff-8b86-d011-b42d-00c04fc964fg',
  '6f9619ff-8b86-d011-b42d-00c04fc964ff\n',
  '../zone',
  ...brokenLines,
];
const uuid = '6f9619ff-8b86-d011-b42d-00c04fc964ff';
const something = ['something', '1', '[{"a":"b"}]', uuid];

function notIntegers([min = 0, max = 0]: readonly number[]): string[] {
  const beyond = [String(min - 1), String(max + 1), '-9223372036854775809', '99999999999999999999'];
  const spelled = [
    'ten',
    '1.5',
    '1e3',
    '0x10',
    '+1',
    ' 1',
    '1 ',
    '1\n',
    '1,000',
    '１',
    'NaN',
    'Infinity',
    '--1',
    '1;2',
  ];
  return [...beyond, ...spelled, ...brokenLines];
}

const notAnIpv6Address = [
  ...brokenLines,
  '10.0.0.1',
  '2001:db8::1::2',
  '2001:db8::12345',
  '2001:db8:::1',
  'fe80::1%eth0',
  '2001:db8::1/64',
  '[2001:db8::1]',
  '2001:db8::1\n',
  '::1; reboot',
];
const notAnIpv6Cidr = [
  ...brokenLines,
  '2001:db8::1',
  '2001:db8::1/64',
  '2001:db8::/129',
  '2001:db8::/-1',
  '2001:db8::/064',
  '2001:db8::/64/64',
  '10.1.1.0/24',
  '2001:db8::/64\n',
];

function tooLong(parameter: AnyParameter): string {
  return 'a'.repeat(parameter.maxLength + 1);
}

/** Rows by kind. */
export const rowsByKind: Readonly<Record<ParameterKind, Rows>> = {
  text: { valid: () => 'sample', refused: (parameter) => [...brokenLines, ...markup, tooLong(parameter)] },
  name: {
    valid: () => 'sample',
    refused: (parameter) => [...brokenLines, ...markup, ...quotes, ' ', '\u00a0', tooLong(parameter)],
  },
  opaque: { valid: () => 'sample-of-16-letters', refused: (parameter) => ['nul\0byte', tooLong(parameter)] },
  hostname: { valid: () => 'sample', refused: (parameter) => [...notAName, 'a.b', 'a'.repeat(64), tooLong(parameter)] },
  fqdn: {
    valid: () => 'sample.example',
    refused: (parameter) => [
      ...notAName,
      '.',
      '.a',
      'a.',
      'a..b',
      '10.0.0.1',
      '*.example.org',
      `${'a'.repeat(64)}.b`,
      'a.'.repeat(126).concat('bb'),
      tooLong(parameter),
    ],
  },
  ipv4: { valid: () => '192.0.2.1', refused: (parameter) => [...notAnAddress, tooLong(parameter)] },
  ipv4Cidr: { valid: () => '192.0.2.0/24', refused: (parameter) => [...notACidr, tooLong(parameter)] },
  ipv6: { valid: () => '2001:db8::1', refused: (parameter) => [...notAnIpv6Address, tooLong(parameter)] },
  ipv6Cidr: { valid: () => '2001:db8::/64', refused: (parameter) => [...notAnIpv6Cidr, tooLong(parameter)] },
  // Anything but `true` means false, as in Java; only the length is bounded.
  boolean: { valid: () => 'true', refused: (parameter) => [tooLong(parameter)] },
  integer: {
    valid: ({ range = [1] }) => String(range[0]),
    refused: (parameter) => [...notIntegers(parameter.range ?? []), '1'.repeat(parameter.maxLength + 1)],
  },
  uuid: { valid: () => uuid, refused: (parameter) => [...notAUuid, tooLong(parameter)] },
  date: {
    valid: () => '2026-11-21',
    refused: (parameter) => [
      ...brokenLines,
      'yesterday',
      '1',
      '2026-13-01',
      '2026-11-32',
      '2026-11-21T25:00:00Z',
      '2026-11-21\n',
      '0000-01-01',
      '-271821-04-20',
      '+275760-09-13',
      '21 Nov 2026 (comment)',
      tooLong(parameter),
    ],
  },
  oneOf: {
    valid: ({ values = [] }) => values[0] ?? '',
    refused: (parameter) => [
      ...brokenLines,
      ...markup,
      ...quotes,
      `${parameter.values?.[0]}\n`,
      ` ${parameter.values?.[0]}`,
      `${parameter.values?.join(',')},`,
      'constructor',
      tooLong(parameter),
    ],
  },
  textList: {
    valid: () => 'sample',
    refused: (parameter) => [...brokenLines, ...markup, ',', ' , ,', 'good,bad\nitem', tooLong(parameter)],
  },
  cidrList: {
    valid: () => '192.0.2.0/24,198.51.100.0/24',
    refused: (parameter) => [...notACidr, ',', ' ', '192.0.2.0/24,10.1.1.7/24', '192.0.2.0/24\n', tooLong(parameter)],
  },
  ipv6CidrList: {
    valid: () => '2001:db8::/64,2001:db8:1::/64',
    refused: (parameter) => [...notAnIpv6Cidr, ',', ' ', '2001:db8::/64,10.1.1.0/24', tooLong(parameter)],
  },
  map: {
    valid: () => '[]',
    refused: (parameter) => [
      'text',
      '5',
      'null',
      'true',
      '"text"',
      '{}',
      '[1]',
      '[null]',
      '[[]]',
      '[{"service":5}]',
      '[{"service":{"name":"Dhcp"}}]',
      '[{"service":null}]',
      '[{"service":"a\\nb"}]',
      '[{"a\\u0000":"b"}]',
      '[',
      tooLong(parameter),
    ],
  },
  entity: { valid: () => uuid, refused: (parameter) => [...notAUuid, `${uuid},${uuid}`, uuid, tooLong(parameter)] },
  entities: { valid: () => uuid, refused: (parameter) => [...notAUuid, uuid, ',', tooLong(parameter)] },
  idFilter: { valid: () => uuid, refused: (parameter) => [...notAUuid, tooLong(parameter)] },
  absentFilter: { valid: () => uuid, refused: (parameter) => [...brokenLines, ...markup, tooLong(parameter)] },
  userData: {
    valid: () => 'c2FtcGxl',
    refused: (parameter) => ['a', 'c2Ft*', 'c2FtcGxl\n', 'c2Ft=GxlAA', 'nul\0byte', tooLong(parameter)],
  },
  sshPublicKey: {
    valid: () => 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@there',
    refused: (parameter) => [
      'ssh-ed25519',
      'AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f',
      'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f',
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4',
      'command="id" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f',
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\nssh-rsa AAAA',
      ...brokenLines,
      tooLong(parameter),
    ],
  },
  instancePassword: {
    valid: () => 'correct-Horse7',
    refused: (parameter) => [
      'short',
      'with a space',
      'saved_password',
      'ümlautümlaut',
      ...brokenLines,
      tooLong(parameter),
    ],
  },
  variableNames: {
    valid: () => 'one,two',
    refused: (parameter) => ['a/b', '../a', 'a b', '1a', 'a,,b', ...brokenLines, tooLong(parameter)],
  },
  unserved: { valid: () => 'none', refused: (parameter) => [...something, ...brokenLines, tooLong(parameter)] },
  unservedFlag: { valid: () => 'false', refused: (parameter) => ['true', 'TRUE', ...something, tooLong(parameter)] },
};
