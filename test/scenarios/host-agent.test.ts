// The host agent as a process of its own, with real namespaces, bridges and packets.
import { readFile } from 'node:fs/promises';
import type { InstanceSpec } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { pidPath, shortId } from '@isthmus/host-agent';
import { parseHostname, parseInterfaceName, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { answererOf, findLeaks, httpGet, type Lab, labFor, pings, seenAs, waitFor } from '../lab/index.ts';

/** An instance with one NIC, whose MAC ends in the last byte of its address. */
function instance(lab: Lab, hostname: string, vni: number, address: string): InstanceSpec {
  const last = Number(address.split('.')[3]).toString(16).padStart(2, '0');
  const nic = {
    name: parseInterfaceName('eth0'),
    macAddress: parseMacAddress(`02:00:00:00:00:${last}`),
    segment: lab.guestSegment(vni),
    addresses: [parseIpv4Address(address)],
  };
  return { hostname: parseHostname(hostname), nics: [nic] };
}

/** Makes an instance and gives it its address by hand, where there is no router. */
async function addressed(lab: Lab, id: string, vni: number, address: string): Promise<Host> {
  await lab.agent.putInstance(id, instance(lab, id, vni, address));
  const inside = lab.instance(id);
  // The DHCP client begins by taking every address away.
  const logPath = `${lab.run}/instances/${shortId(id)}/udhcpc.eth0.log`;
  const log = () => lab.machine.files.readText(logPath);
  await waitFor('the DHCP client asks', async () => (await log()).includes('discover'));
  await inside.commands.run('ip', ['address', 'replace', `${address}/24`, 'dev', 'eth0']);
  return inside;
}

/** A DHCP server on a guest segment: dnsmasq with one lease. */
async function serveDhcp(lab: Lab, vni: number, lease: string): Promise<Host> {
  const segment = lab.guestSegment(vni);
  const router = await lab.addGuest({ name: 'dhcp', segment, macAddress: '02:00:00:00:00:01', address: '10.1.1.1/24' });
  const leases = `--dhcp-leasefile=${lab.run}/lab-leases`;
  const options = ['--dhcp-option=option:dns-server,10.1.1.1', '--domain=cs1.example.org', '--port=0', leases];
  const args = ['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--no-ping', '--user=root'];
  await lab.startDaemon(router, 'dnsmasq', [
    ...args,
    '--dhcp-range=10.1.1.0,static',
    `--dhcp-host=02:00:00:00:00:05,${lease}`,
    ...options,
  ]);
  return router;
}

/** Devices, addresses and ebtables rules of the lab's host, without the operational state, which comes late. */
async function hostState(lab: Lab): Promise<string> {
  const state = / (?:UP|UNKNOWN|DOWN) +/g;
  const { commands } = lab.host;
  const links = (await commands.run('ip', ['-details', '-brief', 'link', 'show'])).stdout.replaceAll(state, ' ');
  const rules = (await commands.run('ebtables-nft-save', [])).stdout.replaceAll(
    /^(?:#|\*nat|:[A-Z]+ ACCEPT).*\n/gm,
    '',
  );
  const addresses = (await commands.run('ip', ['-brief', 'address', 'show'])).stdout.replaceAll(state, ' ');
  return `${links}${rules}${addresses}`;
}

test.serial('an instance takes its lease, serves HTTP, and leaves the files of the host alone', async (t) => {
  const lab = await labFor(t);
  const resolver = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const spec = instance(lab, 'web', 5, '10.1.1.5');
  t.deepEqual(await lab.agent.putInstance('web', spec), { id: 'web', state: 'Running', address: null });
  const router = await serveDhcp(lab, 5, '10.1.1.5');
  await waitFor('the lease', async () => (await lab.agent.instance('web')).address === '10.1.1.5');
  t.is(await answererOf(router, 'http://10.1.1.5/'), 'web');
  t.is(await seenAs(router, 'http://10.1.1.5/'), '10.1.1.1');
  t.is(await httpGet(router, 'http://10.1.1.5/', { body: 'a body\nof two lines' }), 'a body\nof two lines');
  const inside = await lab.instance('web').commands.run('ip', ['route', 'show', 'default']);
  t.regex(inside.stdout, /^default via 10\.1\.1\.1 dev eth0/);
  const [namespace] = (await lab.machine.files.list('/etc/netns')).filter((name) =>
    name.includes(`-${lab.installation}-`),
  );
  const names = await lab.machine.files.readText(`/etc/netns/${namespace}/resolv.conf`);
  t.is(names, 'search cs1.example.org\nnameserver 10.1.1.1\n');
  t.is(await readFile('/etc/resolv.conf', 'utf8').catch(() => ''), resolver);
});

/** Sends one frame, in hexadecimal, from `eth0` as it is (packet(7)). */
async function sendFrame(host: Host, frame: string): Promise<void> {
  const shown = await host.commands.run('ip', ['-json', 'link', 'show', 'dev', 'eth0']);
  const [link] = JSON.parse(shown.stdout) as { ifindex: number }[];
  const program =
    'socket($s,17,3,0) or die $!; send($s,pack("H*",$ARGV[1]),0,pack("SnlSCCx8",17,3,$ARGV[0],1,0,6)) or die $!';
  await host.commands.run('perl', ['-e', program, String(link?.ifindex), frame]);
}

test.serial('guests of two accounts with the same CIDR never meet', async (t) => {
  const lab = await labFor(t);
  const a = await addressed(lab, 'a', 1, '10.1.1.5');
  const b = await addressed(lab, 'b', 2, '10.1.1.6');
  await addressed(lab, 'c', 1, '10.1.1.7');
  await addressed(lab, 'd', 2, '10.1.1.7');
  t.is(await answererOf(a, 'http://10.1.1.7/'), 'c');
  t.is(await answererOf(b, 'http://10.1.1.7/'), 'd');
  t.false(await pings(a, '10.1.1.6'));
  t.false(await pings(b, '10.1.1.5'));
  const twin = { ...lab.guestSegment(1), id: 'another' };
  const [nic] = instance(lab, 'e', 1, '10.1.1.8').nics;
  const refused = await lab.agent.raw('PUT', '/v1/instances/e', { hostname: 'e', nics: [{ ...nic, segment: twin }] });
  t.like(refused, { status: 423, body: { code: 'conflict' } });
});

test.serial('forged frames are dropped at the port, and the bridge learns nothing from them', async (t) => {
  const lab = await labFor(t);
  const forger = await addressed(lab, 'forger', 3, '10.1.1.5');
  const segment = lab.guestSegment(3);
  const observer = await lab.addGuest({
    name: 'obs',
    segment,
    macAddress: '02:00:00:00:00:aa',
    address: '10.1.1.10/24',
  });
  const capture = ['-i', 'eth0', '-n', '-e', '-l', '--immediate-mode', 'not', 'ether', 'src', '02:00:00:00:00:aa'];
  const { logPath } = await lab.startDaemon(observer, 'tcpdump', capture);
  const seen = () => lab.machine.files.readText(logPath);
  await waitFor('tcpdump listens', async () => (await seen()).includes('listening on'));
  const run = (file: string, args: string[], input?: string) =>
    forger.commands.run(file, args, { okCodes: [0, 1, 2], ...(input === undefined ? {} : { input }) });
  // Known beforehand, so that a frame is judged by itself and does not fall with its ARP request.
  await run('ip', ['neigh', 'replace', '10.1.1.10', 'lladdr', '02:00:00:00:00:aa', 'dev', 'eth0']);
  const datagram = (from: string, ports: [string, string]) =>
    run('nc', ['-u', '-n', '-w', '1', '-q', '0', '-s', from, '-p', ports[0], '10.1.1.10', ports[1]], 'forged');

  // Another guest's address, as a source of IPv4 and in ARP.
  await run('ip', ['address', 'add', '10.1.1.99/24', 'dev', 'eth0']);
  await datagram('10.1.1.99', ['1111', '1111']);
  await run('hping3', ['--udp', '-a', '10.1.1.98', '-p', '1112', '-c', '1', '10.1.1.10']);
  await run('arping', ['-U', '-c', '1', '-I', 'eth0', '10.1.1.99']);
  await run('arping', ['-c', '1', '-w', '1', '-s', '10.1.1.99', '-I', 'eth0', '10.1.1.10']);
  // A DHCP server's answer, from the guest's own address.
  await datagram('10.1.1.5', ['67', '68']);
  // IPv6, of a guest that has switched it on.
  await run('sysctl', ['-qw', 'net.ipv6.conf.all.disable_ipv6=0', 'net.ipv6.conf.eth0.disable_ipv6=0']);
  await run('ip', ['-6', 'address', 'add', 'fe80::66/64', 'dev', 'eth0', 'nodad']);
  await run('ping', ['-6', '-c', '1', '-W', '1', '-I', 'eth0', 'ff02::1']);
  // Frames that no tool makes: an ARP answer with another's hardware address inside, a tagged frame, another ethertype.
  const own05 = '020000000005';
  const arpAnswer = (mac: string, address: string) => `08060001080006040002${mac}${address}0200000000aa0a01010a`;
  for (const rest of [
    arpAnswer('020000000066', '0a010105'),
    arpAnswer(own05, '0a010163'),
    `81000007${arpAnswer(own05, '0a010105')}`,
    '88b5666f72676564',
  ]) {
    await sendFrame(forger, `0200000000aa${own05}${rest}`);
  }
  // Another MAC address.
  await run('ip', ['link', 'set', 'dev', 'eth0', 'address', '02:00:00:00:00:66']);
  await datagram('10.1.1.5', ['2222', '2222']);
  await run('ip', ['link', 'set', 'dev', 'eth0', 'address', '02:00:00:00:00:05']);

  // What is its own passes, and comes after all of the above.
  await run('ip', ['neigh', 'replace', '10.1.1.10', 'lladdr', '02:00:00:00:00:aa', 'dev', 'eth0']);
  await datagram('10.1.1.5', ['3333', '3333']);
  const frames = await waitFor('the marker', async () => {
    const text = await seen();
    return text.includes('10.1.1.5.3333 >') ? text : null;
  });
  const arrived = frames.split('\n').filter((line) => / > /.test(line));
  const own = arrived.filter((line) =>
    /02:00:00:00:00:05 > .*(?:10\.1\.1\.5\.3333 >|0\.0\.0\.0\.68 > |tell 10\.1\.1\.5,|Reply 10\.1\.1\.5 is-at 02:00:00:00:00:05)/.test(
      line,
    ),
  );
  t.deepEqual(
    arrived.filter((line) => !own.includes(line) || line.includes('802.1Q')),
    [],
  );
  const learnt = (await lab.host.commands.run('bridge', ['fdb', 'show'])).stdout;
  t.true(learnt.includes('02:00:00:00:00:05'));
  t.false(learnt.includes('02:00:00:00:00:66'));
});

test.serial('kill -9 of the host agent leaves packets flowing, and the next start adopts what runs', async (t) => {
  const lab = await labFor(t);
  const a = await addressed(lab, 'a', 1, '10.1.1.5');
  const b = await addressed(lab, 'b', 1, '10.1.1.6');
  await lab.startEcho(b, '10.1.1.6', { http: 8080, echo: 7 });
  const stream = await lab.startStream(a, '10.1.1.6', 7);
  const before = [await hostState(lab), await lab.instanceProcesses('a'), await lab.instanceProcesses('b')];
  await lab.killHostAgent('SIGKILL');
  t.is(await answererOf(a, 'http://10.1.1.6/'), 'b');
  await lab.startHostAgent();
  await lab.agent.putInstance('a', instance(lab, 'a', 1, '10.1.1.5'));
  await lab.agent.putInstance('b', instance(lab, 'b', 1, '10.1.1.6'));
  t.deepEqual([await hostState(lab), await lab.instanceProcesses('a'), await lab.instanceProcesses('b')], before);
  const { error, longestGapMs, received } = await stream.stop();
  t.is(error, null);
  t.true(received > 20 && longestGapMs < 1000, `${received} lines, ${longestGapMs} ms without one`);
});

test.serial('after a reboot of the machine everything is made anew from disk', async (t) => {
  const lab = await labFor(t);
  await addressed(lab, 'a', 1, '10.1.1.5');
  await lab.agent.putInstance('b', instance(lab, 'b', 1, '10.1.1.6'));
  await lab.agent.instanceStep('b', 'stop');
  const before = await hostState(lab);
  await lab.killHostAgent('SIGKILL');
  // What a reboot takes: processes, namespaces, bridges, rules and /run.
  const processes = await lab.instanceProcesses('a');
  for (const pid of processes) lab.machine.commands.signal(pid, 'SIGKILL');
  const namespaces = (await lab.machine.files.list('/run/netns')).filter((name) =>
    name.startsWith(`ith-${lab.installation}-`),
  );
  for (const name of namespaces) await lab.machine.commands.run('ip', ['netns', 'delete', name]);
  await lab.host.commands.run('ip', ['link', 'delete', 'dev', `${lab.installation}n1`]);
  await lab.host.commands.run('ebtables-nft', ['-t', 'nat', '-F']);
  await lab.host.commands.run('ebtables-nft', ['-t', 'nat', '-X']);
  await lab.machine.files.remove(`${lab.run}/instances`);
  await lab.startHostAgent();
  const states = async () => (await lab.agent.instances()).map(({ id, state }) => `${id} ${state}`);
  await waitFor('the instance runs', async () => (await lab.instanceProcesses('a')).length === 2);
  t.deepEqual(await states(), ['a Running', 'b Stopped']);
  const links = (text: string) => text.replaceAll(/@if\d+|[0-9a-f]{2}(?::[0-9a-f]{2}){5}/g, '');
  t.is(links(await hostState(lab)), links(before));
});

test.serial('a host agent killed in the middle of its work finishes it after the next start', async (t) => {
  const lab = await labFor(t);
  await addressed(lab, 'b', 1, '10.1.1.6');
  for (const [index, afterMs] of [5, 15, 25, 40, 60].entries()) {
    const id = `a${index}`;
    const address = `10.1.1.${20 + index}`;
    const call = lab.agent.putInstance(id, instance(lab, id, 1, address)).catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await lab.killHostAgent('SIGKILL');
    await call;
    await lab.startHostAgent();
    const inside = await addressed(lab, id, 1, address);
    t.is(await answererOf(inside, 'http://10.1.1.6/'), 'b', `killed after ${afterMs} ms`);
    // The DHCP client's script, and commands of the host agent, come and go.
    const two = async () => (await lab.instanceProcesses(id)).length === 2;
    await t.notThrowsAsync(waitFor(`its two daemons, killed after ${afterMs} ms`, two));
  }
});

test.serial('a dead server or DHCP client of an instance is started again', async (t) => {
  const lab = await labFor(t);
  const a = await addressed(lab, 'a', 1, '10.1.1.5');
  await addressed(lab, 'b', 1, '10.1.1.6');
  for (const pid of await lab.instanceProcesses('b')) lab.machine.commands.signal(pid, 'SIGKILL');
  t.is(await answererOf(a, 'http://10.1.1.6/'), null);
  await waitFor('two processes', async () => (await lab.instanceProcesses('b')).length === 2);
});

test.serial('a bridge that someone removed and a port that someone unplugged are made again', async (t) => {
  const lab = await labFor(t);
  const a = await addressed(lab, 'a', 1, '10.1.1.5');
  await addressed(lab, 'b', 1, '10.1.1.6');
  const { commands } = lab.host;
  const answers = () => waitFor('an answer', async () => (await answererOf(a, 'http://10.1.1.6/')) !== null, 30_000);
  await answers();
  const { stdout } = await commands.run('ip', ['-json', 'link', 'show', 'type', 'bridge']);
  const bridges = (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname);
  const bridge = bridges.find((name) => name.startsWith(`${lab.installation}n`)) ?? '';
  await commands.run('ip', ['link', 'delete', 'dev', bridge]);
  t.is(await answererOf(a, 'http://10.1.1.6/'), null);
  await answers();
  await commands.run('ip', ['link', 'set', 'dev', `${lab.installation}i${shortId('b')}0`, 'nomaster']);
  await answers();
});

test.serial('a repeated PUT changes nothing, and a removed instance leaves nothing', async (t) => {
  const lab = await labFor(t);
  await addressed(lab, 'a', 1, '10.1.1.5');
  const before = [await hostState(lab), await lab.instanceProcesses('a')];
  await Promise.all([1, 2, 3].map(() => lab.agent.putInstance('a', instance(lab, 'a', 1, '10.1.1.5'))));
  t.deepEqual([await hostState(lab), await lab.instanceProcesses('a')], before);
  await lab.agent.putInstance('b', instance(lab, 'b', 2, '10.1.1.6'));
  t.like(await lab.agent.raw('DELETE', '/v1/segments/guest-2'), { status: 423, body: { code: 'conflict' } });
  await lab.agent.deleteInstance('b');
  await lab.agent.deleteInstance('b');
  await lab.agent.deleteSegment('guest-2');
  const left = (await hostState(lab)).split('\n').filter((line) => line.includes(`${lab.installation}n2`));
  t.deepEqual(left, []);
  t.deepEqual(
    (await lab.agent.instances()).map(({ id }) => id),
    ['a'],
  );
});

test.serial('DELETE of everything leaves nothing behind, and the host agent goes on', async (t) => {
  const lab = await labFor(t);
  const before = await hostState(lab);
  await addressed(lab, 'a', 1, '10.1.1.5');
  await addressed(lab, 'b', 2, '10.1.1.5');
  await lab.agent.deleteEverything();
  t.is(await hostState(lab), before);
  t.deepEqual(await lab.agent.instances(), []);
  t.deepEqual(await lab.machine.files.list(lab.state), []);
  const a = await addressed(lab, 'a', 1, '10.1.1.5');
  await addressed(lab, 'b', 1, '10.1.1.6');
  t.is(await answererOf(a, 'http://10.1.1.6/'), 'b');
  // Its processes go on where no name leads to.
  const namespace = `ith-${lab.installation}-i-${shortId('b')}`;
  await lab.machine.commands.run('ip', ['netns', 'delete', namespace]);
  await lab.agent.deleteEverything();
  await lab.agent.exit();
  await waitFor('the host agent ends', async () => !(await lab.machine.files.exists(pidPath(lab.run))));
  // The process itself ends a moment later.
  const found = () => findLeaks(lab.machine, lab.installation);
  await waitFor('its process', async () => !(await found()).some((leak) => leak.startsWith('process ')));
  const leaks = await found();
  t.deepEqual(
    leaks.filter((leak) => !/lab-/.test(leak)),
    [lab.state, lab.run],
  );
});

test.serial('a request at fault is answered with field, value and expectation, and changes nothing', async (t) => {
  const lab = await labFor(t);
  const before = await hostState(lab);
  const good = instance(lab, 'a', 1, '10.1.1.5');
  const call = async (method: string, path: string, body?: unknown) => {
    const { status, body: answer } = await lab.agent.raw(method, path, body);
    return `${status} ${(answer as { message?: string } | null)?.message ?? ''}`;
  };
  const nic = { ...good.nics[0], macAddress: '01:00:00:00:00:05' };
  t.regex(
    await call('PUT', '/v1/instances/a', { ...good, nics: [nic] }),
    /^400 nics\.0\.macAddress "01:00:00:00:00:05": /,
  );
  t.regex(await call('PUT', '/v1/instances/a', { ...good, hostname: 'a\nb' }), /^400 hostname "a\\nb": /);
  t.regex(await call('PUT', '/v1/instances/a', 'text'), /^400 instance "text": /);
  t.regex(await call('PUT', '/v1/instances/a', { ...good, more: 1 }), /^400 /);
  t.regex(await call('PUT', '/v1/instances/..%2fa', good), /^400 id "\.\.\/a": /);
  t.regex(await call('GET', '/v1/instances/nobody'), /^404 instance nobody: /);
  t.regex(await call('POST', '/v1/appliances/nobody/push', {}), /^404 appliance nobody: /);
  t.regex(await call('GET', '/v2/host'), /^404 GET \/v2\/host: /);
  t.is(await hostState(lab), before);
  t.deepEqual(await lab.agent.instances(), []);
});

test.serial('a second host agent of an installation refuses to start', async (t) => {
  const lab = await labFor(t);
  const { pid } = await lab.agent.host();
  const program = new URL('../../host-agent/src/main.ts', import.meta.url).pathname;
  const second = await lab.host.commands.run(
    process.execPath,
    [program, '--installation', lab.installation, '--state', lab.state, '--run', lab.run],
    { okCodes: [1] },
  );
  t.regex(second.stderr, /its host agent runs already/);
  t.is((await lab.agent.host()).pid, pid);
});

test.serial('a host agent that is started while the last one ends takes its place', async (t) => {
  const lab = await labFor(t);
  const a = await addressed(lab, 'a', 1, '10.1.1.5');
  await addressed(lab, 'b', 1, '10.1.1.6');
  const { pid } = await lab.agent.host();
  await lab.agent.exit();
  await lab.startHostAgent();
  t.not((await lab.agent.host()).pid, pid);
  await waitFor('the last one ends', async () => !(await lab.machine.commands.isRunning(pid, process.execPath)));
  t.not((await lab.agent.host()).pid, pid);
  t.is(await answererOf(a, 'http://10.1.1.6/'), 'b');
});
