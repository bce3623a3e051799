import test from 'ava';
import { address, cidr, type Edit, ports, settings, TestDocument } from '../netfilter/netfilter-fixture.ts';
import { FilterState } from '../netfilter/state.ts';
import { admits } from './admission.ts';
import { deletionLines, type Flow, parseFlows } from './conntrack.ts';
import { revocation } from './revocation.ts';

const listing = `tcp      6 299 ESTABLISHED src=198.51.100.9 dst=203.0.113.2 sport=40000 dport=8080 src=10.1.1.10 dst=198.51.100.9 sport=80 dport=40000 [ASSURED] mark=0 use=1
udp      17 29 src=10.1.1.10 dst=9.9.9.9 sport=5353 dport=53 [UNREPLIED] src=9.9.9.9 dst=203.0.113.2 sport=53 dport=5353 mark=0 use=1
icmp     1 29 src=10.1.1.10 dst=9.9.9.9 type=8 code=0 id=7 src=9.9.9.9 dst=203.0.113.2 type=0 code=0 id=7 mark=0 use=1
gre      47 29 src=198.51.100.9 dst=203.0.113.3 srckey=0x1 dstkey=0x2 [UNREPLIED] src=10.1.1.20 dst=198.51.100.9 srckey=0x2 dstkey=0x1 mark=0 use=1
unknown  132 29 src=198.51.100.9 dst=203.0.113.3 src=10.1.1.20 dst=198.51.100.9 mark=0 use=1
tcp      6 9 CLOSE src=2001:db8::1 dst=2001:db8::2 sport=1 dport=2 src=2001:db8::2 dst=2001:db8::1 sport=2 dport=1 use=1
conntrack v1.4.7 (conntrack-tools): 6 flow entries have been shown.
`;

test('reads what conntrack lists and names what it deletes', (t) => {
  const flows = parseFlows(listing);
  t.deepEqual(flows[0], {
    protocol: 'tcp',
    original: {
      source: address('198.51.100.9'),
      destination: address('203.0.113.2'),
      sourcePort: 40000,
      destinationPort: 8080,
    },
    reply: {
      source: address('10.1.1.10'),
      destination: address('198.51.100.9'),
      sourcePort: 80,
      destinationPort: 40000,
    },
  });
  t.deepEqual(
    flows.flatMap((flow) => deletionLines({}, [flow], () => true)),
    [
      '-D -p tcp --orig-src 198.51.100.9 --orig-dst 203.0.113.2 --reply-src 10.1.1.10 --reply-dst 198.51.100.9 --orig-port-src 40000 --orig-port-dst 8080',
      '-D -p udp --orig-src 10.1.1.10 --orig-dst 9.9.9.9 --reply-src 9.9.9.9 --reply-dst 203.0.113.2 --orig-port-src 5353 --orig-port-dst 53',
      '-D -p icmp --orig-src 10.1.1.10 --orig-dst 9.9.9.9 --reply-src 9.9.9.9 --reply-dst 203.0.113.2 --icmp-type 8 --icmp-code 0 --icmp-id 7',
      '-D -p gre --orig-src 198.51.100.9 --orig-dst 203.0.113.3 --reply-src 10.1.1.20 --reply-dst 198.51.100.9',
      '-D -p 132 --orig-src 198.51.100.9 --orig-dst 203.0.113.3 --reply-src 10.1.1.20 --reply-dst 198.51.100.9',
    ],
  );
});

/** `SOURCE:PORT>DESTINATION:PORT SOURCE:PORT>DESTINATION:PORT` of original and reply; without ports an echo. */
function flow(protocol: string, text: string): Flow {
  const [original, reply] = text.split(' ').map((part) => {
    const [[source = '', sourcePort], [destination = '', destinationPort]] = part
      .split('>')
      .map((end) => end.split(':')) as [string[], string[]];
    return {
      source: address(source),
      destination: address(destination),
      ...(sourcePort === undefined ? {} : { sourcePort: Number(sourcePort), destinationPort: Number(destinationPort) }),
      ...(protocol === 'icmp' ? { icmp: { type: 8, code: 0, id: 1 } } : {}),
    };
  });
  if (original === undefined || reply === undefined) throw new Error(text);
  return { protocol, original, reply };
}

const inbound = flow('tcp', '198.51.100.9:1>203.0.113.2:8081 10.1.1.10:81>198.51.100.9:1');
const outbound = flow('tcp', '10.1.1.10:1>9.9.9.9:443 9.9.9.9:443>203.0.113.2:1');
const asStatic = flow('tcp', '10.1.1.20:1>9.9.9.9:443 9.9.9.9:443>203.0.113.3:1');
const toStatic = flow('udp', '198.51.100.9:1>203.0.113.3:53 10.1.1.20:53>198.51.100.9:1');
const hairpin = flow('tcp', '10.1.1.11:1>203.0.113.2:8080 10.1.1.10:80>10.1.1.1:1');
const echo = flow('icmp', '198.51.100.9>203.0.113.2 203.0.113.2>198.51.100.9');
const dns = flow('udp', '10.1.1.10:1>10.1.1.1:53 10.1.1.1:53>10.1.1.10:1');
const ofRouter = flow('udp', '203.0.113.2:1>9.9.9.9:53 9.9.9.9:53>203.0.113.2:1');
const all = { inbound, outbound, asStatic, toStatic, hairpin, echo, dns, ofRouter };

const forward = {
  publicAddress: address('203.0.113.2'),
  protocol: 'tcp' as const,
  publicPorts: ports(8080, 8081),
  privateAddress: address('10.1.1.10'),
  privatePorts: ports(80, 81),
};
const ingress = {
  publicAddress: address('203.0.113.2'),
  protocol: 'tcp' as const,
  ports: ports(8080, 8081),
  sources: [],
};
const base: Edit = {
  'nat.portForwards': { one: forward },
  'nat.staticNats': { one: { publicAddress: address('203.0.113.3'), privateAddress: address('10.1.1.20') } },
  'firewall.ingress': {
    one: ingress,
    all: { publicAddress: address('203.0.113.3'), protocol: 'all', sources: [] },
    ping: { publicAddress: address('203.0.113.2'), protocol: 'icmp', icmp: { type: 8, code: -1 }, sources: [] },
  },
};

/** Names of the flows that an edit ends. */
function ended(edit: Edit, next = settings(), first = settings()): string[] {
  const document = new TestDocument(first);
  document.edit(base);
  const state = FilterState.of('ctest', document.view);
  const change = state.changeOf(document.edit(edit, next));
  const isRevoked = revocation(change, document.view);
  return Object.entries(all).flatMap(([name, each]) => (isRevoked(each) ? [name] : []));
}

test('a document admits the flows that its rules would let through', (t) => {
  const document = new TestDocument();
  document.edit(base);
  for (const [name, each] of Object.entries(all)) t.true(admits(document.view, each), name);
  const other = flow('tcp', '198.51.100.9:1>203.0.113.2:8081 10.1.1.11:81>198.51.100.9:1');
  t.false(admits(document.view, other), 'led to another guest than now');
  t.false(admits(document.view, { ...toStatic, reply: { ...toStatic.reply, source: address('10.1.1.21') } }));
});

test('what a change takes away ends, and nothing else', (t) => {
  t.deepEqual(ended({}), []);
  t.deepEqual(ended({ 'firewall.ingress': { one: null } }), ['inbound', 'hairpin']);
  t.deepEqual(ended({ 'firewall.ingress': { one: null, two: { ...ingress, ports: ports(8080) } } }), ['inbound']);
  t.deepEqual(ended({ 'firewall.ingress': { one: { ...ingress, sources: [cidr('198.51.100.0/24')] } } }), ['hairpin']);
  t.deepEqual(ended({ 'firewall.ingress': { ping: null } }), ['echo']);
  t.deepEqual(ended({ 'firewall.ingress': { all: null } }), ['toStatic']);
  t.deepEqual(ended({ 'nat.portForwards': { one: null } }), ['inbound', 'hairpin']);
  t.deepEqual(ended({ 'nat.portForwards': { one: { ...forward, privatePorts: ports(70, 71) } } }), [
    'inbound',
    'hairpin',
  ]);
  t.deepEqual(ended({ 'nat.staticNats': { one: null } }), ['asStatic', 'toStatic']);
  t.deepEqual(ended({ 'nat.staticNats': { one: null }, 'firewall.ingress': { ping: null } }), [
    'asStatic',
    'toStatic',
    'echo',
  ]);
});

test('egress rules end flows by the default', (t) => {
  const web = {
    protocol: 'tcp' as const,
    ports: ports(443),
    sources: [cidr('10.1.1.10/32')],
    destinations: [cidr('9.9.9.0/24')],
  };
  const deny = settings({ egressDefault: 'deny' });
  t.deepEqual(ended({ 'firewall.egress': { web } }), ['outbound']);
  t.deepEqual(ended({}, deny), ['outbound', 'asStatic']);
  t.deepEqual(ended({ 'firewall.egress': { web } }, deny), ['asStatic']);
  t.deepEqual(
    ended({ 'firewall.egress': { web: { protocol: 'icmp', sources: [], destinations: [] } } }, deny, deny),
    [],
  );
});

test('a source NAT address that goes ends the flows that left as it', (t) => {
  t.deepEqual(ended({}, settings({ sourceNat: '203.0.113.9' })), ['outbound']);
});

test('many flows that end together are named together, and never one that lives', (t) => {
  const client = (number: number) => `198.51.100.${number}`;
  const web = (number: number, port = 8080) =>
    flow('tcp', `${client(number)}:1>203.0.113.2:${port} 10.1.1.10:80>${client(number)}:1`);
  const clients = Array.from({ length: 40 }, (_, number) => number);
  const flows = [...clients.map((number) => web(number)), ...clients.map((number) => web(number, 8081)), echo, dns];
  const at = (port: number) => (each: Flow) => each.original.destinationPort === port;
  t.deepEqual(deletionLines({}, flows, at(8080)), ['-D -p tcp --orig-dst 203.0.113.2 --orig-port-dst 8080']);
  const filter = { originalDestination: address('203.0.113.2'), protocol: 'tcp' } as const;
  t.deepEqual(
    deletionLines(filter, flows.slice(0, 80), () => true),
    ['-D -p tcp --orig-dst 203.0.113.2'],
  );
  const few = (each: Flow) => at(8080)(each) && each.original.source < '198.51.100.12';
  t.deepEqual(deletionLines(filter, flows.slice(0, 80), few).length, 4);
  t.deepEqual(deletionLines({}, flows, (each) => each === dns).length, 1);
  t.deepEqual(
    deletionLines({}, flows, () => false),
    [],
  );
  const twins = clients.map((number) => flow('132', `198.51.100.9>203.0.113.3 10.1.1.${number}>198.51.100.9`));
  t.is(deletionLines({}, twins, (each) => each !== twins[0]).length, 39);
});
