// The host agent as it is brought to a host: one folder, by itself, without the checkout.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ApplianceSpec, agentPort } from '@isthmus/contract';
import { parseHostname, parseInterfaceName, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { ControlPki } from '../lab/control-pki.ts';
import { answererOf, labFor, waitFor } from '../lab/index.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));

test('the bundle runs with the Node beside it, from a folder that holds nothing else', async (t) => {
  const lab = await labFor(t, { hostAgent: false });
  const folder = await mkdtemp('/tmp/isthmus-bundle-');
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { commands } = lab.machine;
  await commands.run(process.execPath, [`${checkout}setup/bundle-host.mjs`], { timeoutMs: 120_000 });
  // By another process: a child of another test's thread may hold what this process has open for writing (ETXTBSY).
  await commands.run('cp', ['--recursive', `${checkout}dist/host/.`, folder]);
  const node = `${folder}/node`;
  const host = `${folder}/isthmus-host.mjs`;
  t.regex((await commands.run(node, [host, '--help'], { cwd: '/' })).stdout, /^usage: isthmus host /);
  const install = [`${folder}/setup/isthmus-host-install.mjs`, '--help'];
  t.regex(
    (await commands.run(node, install, { cwd: '/' })).stdout,
    /^usage: \.\/node setup\/isthmus-host-install\.mjs /,
  );
  const config = `${folder}/host.json`;
  const { installation, state, run } = lab;
  await lab.machine.files.writeText(config, JSON.stringify({ installation, state, run, driver: 'namespace' }));
  await lab.startDaemon(lab.host, node, [host, '--config', config]);
  const { version } = await waitFor('the host agent answers', () => lab.agent.host().catch(() => null));
  const { version: expected } = JSON.parse(await readFile(`${checkout}host-agent/package.json`, 'utf8')) as {
    version: string;
  };
  t.is(version, expected);
  // What lies beside the bundle: an instance's programs.
  const segment = lab.guestSegment(5);
  const nic = {
    name: parseInterfaceName('eth0'),
    macAddress: parseMacAddress('02:00:00:00:00:05'),
    segment,
    addresses: [parseIpv4Address('10.1.1.5')],
  };
  await lab.agent.putInstance('web', { hostname: parseHostname('web'), nics: [nic] });
  const inside = lab.instance('web');
  const log = `${run}/instances`;
  await waitFor('the DHCP client asks', async () => {
    const { stdout } = await commands.run('grep', ['-rl', 'discover', log], { okCodes: [0, 1] });
    return stdout !== '';
  });
  await inside.commands.run('ip', ['address', 'replace', '10.1.1.5/24', 'dev', 'eth0']);
  const guest = await lab.addGuest({ name: 'b', segment, macAddress: '02:00:00:00:00:06', address: '10.1.1.6/24' });
  t.is(await answererOf(guest, 'http://10.1.1.5/'), 'web');
  // And the program of console proxies.
  const proxy = '0c1b2c3d-1111-4222-8333-444455556666';
  const pki = await ControlPki.create(installation);
  await lab.agent.raw('PUT', `/v1/appliances/${proxy}/config-drive`, await pki.bootstrap(proxy, null));
  const { name: _eth0, ...wired } = nic;
  const spec: ApplianceSpec = {
    kind: 'console-proxy',
    nics: [{ ...wired, name: parseInterfaceName('eth2'), segment: lab.publicSegment }],
  };
  const { controlAddress = '' } = await lab.agent.putAppliance(proxy, spec);
  const connect = ['-z', '-n', '-w', '2', controlAddress, String(agentPort)];
  await waitFor('its agent listens', async () => {
    return (await lab.host.commands.run('nc', connect, { okCodes: [0, 1] })).exitCode === 0;
  });
  const words = (
    await lab.router(proxy).commands.run('cat', [`/proc/${(await lab.routerProcesses(proxy))[0]}/cmdline`])
  ).stdout;
  t.true(words.startsWith(`${node}\0${folder}/console-proxy.mjs\0`));
  await lab.agent.deleteEverything();
  await lab.agent.exit();
  await waitFor('it ends', async () => (await lab.agent.host().catch(() => null)) === null);
});

test('an option that is mistyped is told with its value and what was expected', async (t) => {
  const lab = await labFor(t, { hostAgent: false });
  const isthmus = `${checkout}orchestrator/cli/isthmus.mjs`;
  const ofHost = async (...words: string[]) => {
    const { stderr } = await lab.machine.commands.run(process.execPath, [isthmus, 'host', ...words], { okCodes: [1] });
    return stderr;
  };
  t.regex(await ofHost('--installation', 'X'), /^isthmus host: --installation "X": expected a letter and three/);
  const own = ['--installation', lab.installation, '--state', lab.state, '--run', lab.run];
  t.regex(await ofHost(...own, '--driver', 'xen'), /--driver "xen": expected namespace or libvirt/);
  t.regex(await ofHost(...own, '--listen', 'localhost'), /--listen "localhost": expected an IPv4 address/);
  t.regex(await ofHost(...own, '--listen', '127.0.0.1:0'), /expected ADDRESS or ADDRESS:PORT/);
  t.regex(await ofHost(...own, '--listen', '127.0.0.1'), /has not joined its installation: expected --join TOKEN/);
  t.regex(await ofHost(...own, '--join', 'isthmus-join.a'), /--join: expected --listen/);
  t.regex(await ofHost(...own, '--listen', '127.0.0.1', '--join', 'a'), /join token: expected what addHost handed out/);
  t.regex(await ofHost(...own, '--tunnel-address', '192.0.2.77'), /192\.0\.2\.77: expected an address of this host/);
});
