import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { createHost, createNamespaceHost, type Host, silentLog } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { exportFlows, importFlows, parseTransfer, readTransfer } from './transfer.ts';

const root = createHost({ log: silentLog });

/** Namespaces that track flows, as routers do once they have rules; gone after the test. */
async function routers(t: ExecutionContext, count: number): Promise<Host[]> {
  const names = Array.from({ length: count }, () => `ithtest-${randomBytes(5).toString('hex')}`);
  t.teardown(async () => {
    for (const name of names) await root.commands.run('ip', ['netns', 'delete', name], { okCodes: [0, 1] });
  });
  const hosts: Host[] = [];
  for (const name of names) {
    await root.commands.run('ip', ['netns', 'add', name]);
    const host = createNamespaceHost(root, name);
    await host.commands.run('iptables', ['-t', 'nat', '-A', 'POSTROUTING', '-o', 'none', '-j', 'MASQUERADE']);
    hosts.push(host);
  }
  return hosts;
}

async function load(host: Host, lines: readonly string[]): Promise<void> {
  const path = `/tmp/ithtest-${randomBytes(5).toString('hex')}`;
  await host.files.writeText(path, lines.map((line) => `-I ${line}\n`).join(''));
  try {
    await host.commands.run('conntrack', ['--load-file', path]);
  } finally {
    await host.files.remove(path);
  }
}

/** What the kernel tracks, without the time left, sorted. `filter`: such as `--src-nat`. */
async function listed(host: Host, ...filter: string[]): Promise<string[]> {
  const families = await Promise.all(
    ['ipv4', 'ipv6'].map((family) => host.commands.run('conntrack', ['-L', '-f', family, ...filter])),
  );
  return families
    .flatMap(({ stdout }) => stdout.split('\n'))
    .filter((line) => line !== '')
    .map((line) => line.replace(/^(\S+ +\d+) \d+/, '$1'))
    .sort();
}

const seen = '-u SEEN_REPLY,ASSURED';
const flows = [
  `-p tcp -s 198.51.100.9 -d 203.0.113.2 --sport 40000 --dport 8080 --state ESTABLISHED -t 5000 ${seen} --dst-nat 10.1.1.10:80`,
  `-p tcp -s 10.1.1.10 -d 9.9.9.9 --sport 1234 --dport 443 --state FIN_WAIT -t 100 ${seen} --src-nat 203.0.113.2:4321`,
  `-p tcp -s 10.1.1.11 -d 203.0.113.2 --sport 1 --dport 8080 --state ESTABLISHED -t 5000 ${seen} --dst-nat 10.1.1.10:80 --src-nat 10.1.1.1:1`,
  '-p udp -s 10.1.1.10 -d 9.9.9.9 --sport 5353 --dport 53 -t 25 --src-nat 203.0.113.2:5353',
  '-p icmp -s 10.1.1.10 -d 9.9.9.9 --icmp-type 8 --icmp-code 0 --icmp-id 7 -t 25 -u SEEN_REPLY --src-nat 203.0.113.2',
  `-p tcp -s 10.1.1.10 -d 10.2.2.2 --sport 7 --dport 8 --state ESTABLISHED -t 500 ${seen} -m 17`,
  `-p tcp -s 2001:db8::1 -d 2001:db8:1::2 --sport 7 --dport 8 --state ESTABLISHED -t 500 ${seen}`,
];

test('a replacement tracks the same flows, with their translations', async (t) => {
  const [old, fresh] = await routers(t, 2);
  if (old === undefined || fresh === undefined) return;
  await load(old, [...flows, '-p tcp -s 10.1.1.1 -d 9.9.9.9 --sport 1 --dport 2 --state TIME_WAIT -t 100']);
  const path = `/tmp/ithtest-${randomBytes(5).toString('hex')}`;
  const text = await exportFlows(old, true);
  t.deepEqual(await importFlows(fresh, path, text), { taken: flows.length, present: 0 });
  const ended = (line: string) => !line.includes('TIME_WAIT');
  t.deepEqual(await listed(fresh), (await listed(old)).filter(ended));
  for (const nat of ['--src-nat', '--dst-nat']) {
    t.deepEqual(await listed(fresh, nat), await listed(old, nat));
    t.not((await listed(fresh, nat)).length, 0);
  }
  t.deepEqual(await importFlows(fresh, path, text), { taken: 0, present: flows.length });
  t.false(await fresh.files.exists(path));
});

test('of a router without IPv6 nothing of IPv6 is listed', async (t) => {
  const [old, fresh] = await routers(t, 2);
  if (old === undefined || fresh === undefined) return;
  await load(old, flows);
  const listings: string[] = [];
  const watched = (host: Host): Host => ({
    ...host,
    commands: {
      ...host.commands,
      run: (file, args = [], options = {}) => {
        listings.push(...(args.includes('-L') ? [args.join(' ')] : []));
        return host.commands.run(file, args, options);
      },
    },
  });
  const text = await exportFlows(watched(old), false);
  const path = `/tmp/ithtest-${randomBytes(5).toString('hex')}`;
  const { taken } = await importFlows(watched(fresh), path, text);
  t.is(taken, flows.length - 1);
  t.deepEqual([...new Set(listings)], ['-L -f ipv4']);
});

test('one flow whose place is taken does not keep the others from coming', async (t) => {
  const [old, fresh] = await routers(t, 2);
  if (old === undefined || fresh === undefined) return;
  await load(old, flows);
  // The same packets as one of the old router's, seen from the other side.
  await load(fresh, ['-p tcp -s 10.2.2.2 -d 10.1.1.10 --sport 8 --dport 7 --state ESTABLISHED -t 500']);
  const { taken } = await importFlows(
    fresh,
    `/tmp/ithtest-${randomBytes(5).toString('hex')}`,
    await exportFlows(old, true),
  );
  t.is(taken, flows.length - 1);
});

test('10,000 flows go over within seconds', async (t) => {
  const [old, fresh] = await routers(t, 2);
  if (old === undefined || fresh === undefined) return;
  const line = (_: unknown, index: number) =>
    `-p tcp -s 10.1.${index >> 8}.${index & 255} -d 9.9.9.9 --sport 999 --dport 443 --state ESTABLISHED -t 5000 ${seen} --src-nat 203.0.113.2:${2000 + index}`;
  await load(old, Array.from({ length: 10_000 }, line));
  const began = performance.now();
  const text = await exportFlows(old, false);
  const { taken } = await importFlows(fresh, `/tmp/ithtest-${randomBytes(5).toString('hex')}`, text);
  const tookMs = Math.round(performance.now() - began);
  t.log(`10,000 flows in ${tookMs} ms, ${text.length} characters`);
  t.is(taken, 10_000);
  // About 0.5 s on a quiet machine.
  t.true(tookMs < 30_000, `${tookMs} ms`);
});

test('words of an export that are none of conntrack’s reach no command', (t) => {
  const good =
    'udp      17 24 src=10.1.1.1 dst=9.9.9.9 sport=1 dport=2 [UNREPLIED] src=9.9.9.9 dst=10.1.1.1 sport=2 dport=1 mark=0 use=1';
  t.is(parseTransfer('ipv4', good).length, 1);
  for (const bad of [
    good.replace('src=10.1.1.1', 'src=x'),
    good.replace('sport=1', 'sport=70000'),
    good.replace('24 src', '24;ls src'),
    good.replace('udp', 'gre'),
    good.replace('sport=1 ', ''),
    good.replace('dst=9.9.9.9', 'dst=9.9.9.9/8'),
    good.replace('dst=10.1.1.1', 'dst=::1'),
    '-F',
    '-D -p tcp',
  ]) {
    t.deepEqual(parseTransfer('ipv4', bad), [], bad);
  }
  t.throws(() => readTransfer('bm90IGd6aXA='));
  t.throws(() => readTransfer(gzipSync('ipv4\n').toString('base64')), { message: /export-flows/ });
});
