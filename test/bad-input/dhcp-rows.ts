// Bad calls about DHCP and DNS: options of NICs and of networks, resolvers.
import type { ApiValues } from '@isthmus/api-client';
import { type Row, row, type Subjects } from './rule-subjects.ts';

type Items = readonly Record<string, string>[];

/** Each command that takes options: a call in which nothing but them is wrong. */
const takers: readonly {
  readonly command: string;
  readonly parameter: RegExp;
  readonly call: (subjects: Subjects, items: Items) => ApiValues;
}[] = [
  {
    command: 'createNetwork',
    parameter: /parameter dhcpoptions\b/,
    call: ({ world }, dhcpoptions) => ({
      name: 'new',
      zoneid: world.zoneId,
      networkofferingid: world.networkOfferingId,
      dhcpoptions,
    }),
  },
  {
    command: 'updateNetwork',
    parameter: /parameter dhcpoptions\b/,
    call: ({ ids }, dhcpoptions) => ({ id: ids.network, dhcpoptions }),
  },
  {
    command: 'addNicToVirtualMachine',
    parameter: /parameter dhcpoptions\b/,
    call: ({ ids }, dhcpoptions) => ({ virtualmachineid: ids.machine, networkid: ids.otherNetwork, dhcpoptions }),
  },
  {
    command: 'deployVirtualMachine',
    parameter: /parameter dhcpoptionsnetworklist\b/,
    call: ({ world, ids }, items) => ({
      zoneid: world.zoneId,
      serviceofferingid: world.serviceOfferingId,
      templateid: world.templateId,
      networkids: ids.network,
      dhcpoptionsnetworklist: items.map((item) => ({ networkid: ids.network, ...item })),
    }),
  },
  {
    command: 'updateVirtualMachine',
    parameter: /parameter dhcpoptionsnetworklist\b/,
    call: ({ ids }, items) => ({
      id: ids.machine,
      dhcpoptionsnetworklist: items.map((item) => ({ networkid: ids.network, ...item })),
    }),
  },
];

const many = Array.from({ length: 65 }, (_, index) => ({ [`dhcp:${150 + index}`]: '10.1.1.9' }));

/** Options that nobody may set, or not to that. */
const badOptions: readonly (readonly [what: string, items: Items])[] = [
  ['an option that the router decides', [{ 'dhcp:6': '10.1.1.9' }]],
  ['an option of the exchange', [{ 'dhcp:51': '60' }]],
  ['option 0', [{ 'dhcp:0': 'a' }]],
  ['option 255', [{ 'dhcp:255': 'a' }]],
  ['a code with a zero before it', [{ 'dhcp:0114': 'a' }]],
  ['a code that is no number', [{ 'dhcp:ntp-server': '10.1.1.9' }]],
  ['a key that is no option', [{ 'dhcp6:23': '2001:db8::1' }]],
  ['a code with a further option', [{ 'dhcp:224,3': 'a' }]],
  ['an option twice', [{ 'dhcp:224': 'a' }, { 'dhcp:224': 'b' }]],
  ['more options than a router takes', many],
  ['a name for an address', [{ 'dhcp:42': 'ntp.example.org' }]],
  ['an address too many', [{ 'dhcp:16': '10.1.1.9,10.1.1.10' }]],
  ['half a route', [{ 'dhcp:121': '10.9.0.0/16' }]],
  ['a number out of range', [{ 'dhcp:22': '575' }]],
  ['a boolean that is a word', [{ 'dhcp:19': 'constructor' }]],
  ['half an octet', [{ 'dhcp:224': '0xf' }]],
  ['more than 255 octets', [{ 'dhcp:224': `0x${'00'.repeat(256)}` }]],
  ['more than 255 characters', [{ 'dhcp:224': 'a'.repeat(256) }]],
  ['a quotation mark in a file name', [{ 'dhcp:67': 'a"\\ndhcp-option=3,10.1.1.9' }]],
  ['a line break', [{ 'dhcp:224': 'a\ndhcp-option=3,10.1.1.9' }]],
  ['a carriage return', [{ 'dhcp:42': '10.1.1.9,\r10.1.1.10' }]],
  ['a null character', [{ 'dhcp:224': 'a\0b' }]],
  ['letters beyond ASCII', [{ 'dhcp:224': 'ü' }]],
  ['digits beyond ASCII', [{ 'dhcp:42': '１0.1.1.9' }]],
];

const optionRows = takers.flatMap(({ command, parameter, call }) =>
  badOptions.map(([what, items]) => row(what, command, (subjects) => call(subjects, items), 431, parameter)),
);

const list = /parameter dhcpoptionsnetworklist/;
const ofMachine = ({ ids }: Subjects, item: Record<string, string>): ApiValues => ({
  id: ids.machine,
  dhcpoptionsnetworklist: [item],
});

/** Options, and what of a network its DHCP and DNS say. */
export const dhcpRows: readonly Row[] = [
  ...optionRows,
  row('options of no network', 'updateVirtualMachine', (s) => ofMachine(s, { 'dhcp:224': 'a' }), 431, list),
  row(
    'options of a network that is no id',
    'updateVirtualMachine',
    (s) => ofMachine(s, { networkid: "' or '1'='1", 'dhcp:224': 'a' }),
    431,
    list,
  ),
  row(
    'options of a network that the instance is not in',
    'updateVirtualMachine',
    (s) => ofMachine(s, { networkid: s.ids.otherNetwork, 'dhcp:224': 'a' }),
    431,
    list,
  ),
  row(
    "options of another account's network",
    'updateVirtualMachine',
    (s) => ofMachine(s, { networkid: s.world.belongings.stranger.network ?? '', 'dhcp:224': 'a' }),
    431,
    list,
  ),
  row(
    'options of a network that it gets no NIC in',
    'deployVirtualMachine',
    ({ world, ids }) => ({
      zoneid: world.zoneId,
      serviceofferingid: world.serviceOfferingId,
      templateid: world.templateId,
      networkids: ids.network,
      dhcpoptionsnetworklist: [{ networkid: ids.otherNetwork, 'dhcp:224': 'a' }],
    }),
    431,
    list,
  ),
  row(
    'an option of a network twice, its id spelled in two ways',
    'updateVirtualMachine',
    ({ ids }) => ({
      id: ids.machine,
      dhcpoptionsnetworklist: [
        { networkid: ids.network, 'dhcp:224': 'a' },
        { networkid: ids.network.toUpperCase(), 'dhcp:224': 'b' },
      ],
    }),
    431,
    list,
  ),
  row(
    'a code with a line break behind it, in JSON',
    'updateNetwork',
    ({ ids }) => ({ id: ids.network, dhcpoptions: JSON.stringify([{ 'dhcp:224\n': 'a' }]) }),
    431,
    /parameter dhcpoptions/,
  ),
  row(
    'a second resolver alone',
    'updateNetwork',
    ({ ids }) => ({ id: ids.network, dns2: '192.0.2.53' }),
    431,
    /parameter dns2/,
  ),
  row(
    'a setting that is neither true nor false',
    'updateConfiguration',
    () => ({ name: 'use.external.dns', value: 'sometimes' }),
    431,
    /parameter value/,
    'root',
  ),
];
