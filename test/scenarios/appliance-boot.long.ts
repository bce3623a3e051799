// The router's image in a VM: it takes its identity from a config drive, answers its orchestrator alone, and comes back by
// itself after its QEMU was killed.
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { createNamespaceHost, type Host } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { ApplianceClient } from '../../orchestrator/drivers/appliance-client.ts';
import { ControlPki, type Credentials } from '../lab/control-pki.ts';
import { answererOf, type Lab, labFor, pings, waitFor } from '../lab/index.ts';
import { addNamespace, plug } from '../lab/network.ts';
import { DocumentWriter, guestAddress, guestHost, guestMac, openIngress, portForward } from '../lab/router-document.ts';
import { control, controlStranger, createRouterVm, type RouterVm, routerImage } from '../lab/router-vm.ts';
import { guestBridge, lease } from '../lab/wired-router.ts';

const mebibyte = 1024 * 1024;
const publicAddress = '203.0.113.10';

interface World {
  readonly lab: Lab;
  readonly vm: RouterVm;
  readonly pki: ControlPki;
  readonly orchestrator: Credentials;
  readonly writer: DocumentWriter;
  readonly guest: Host;
}

async function makeGuest(lab: Lab): Promise<Host> {
  const namespace = `lab-${lab.installation}-guest`;
  await addNamespace(lab.machine, namespace);
  const where = { hostNamespace: `lab-${lab.installation}-host`, namespace, bridge: guestBridge };
  await plug(lab.machine, where, { port: 'guest0', name: 'eth0', macAddress: guestMac });
  return createNamespaceHost(lab.machine, namespace);
}

async function world(t: ExecutionContext): Promise<World> {
  const lab = await labFor(t, { hostAgent: false });
  const vm = await createRouterVm(lab, await routerImage(lab.machine));
  const pki = await ControlPki.create(lab.installation);
  const orchestrator = await pki.issue('orchestrator', 'test');
  return { lab, vm, pki, orchestrator, writer: new DocumentWriter(), guest: await makeGuest(lab) };
}

function clientOf({ vm, pki, orchestrator }: World): ApplianceClient {
  return new ApplianceClient({
    id: vm.id,
    identity: pki.identity(orchestrator),
    openTunnel: () => vm.openTunnel(),
  });
}

/** What comes back over TLS with these credentials; '' where the connection ends without an answer. */
async function answerTo({ vm, pki }: World, credentials: Credentials | null): Promise<string> {
  const own = credentials === null ? {} : { cert: credentials.certificate, key: credentials.privateKey };
  const tunnel: Duplex = await vm.openTunnel();
  const trusted = { ca: [pki.authority.certificate], checkServerIdentity: () => undefined };
  const socket = connectTls({ socket: tunnel, ...trusted, ...own });
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (part: Buffer) => {
    text += part.toString();
  });
  socket.on('secureConnect', () => socket.write('GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return text;
}

/** True where a TCP connection to the agent's port comes about from a namespace. */
async function reaches(host: Host, from?: string): Promise<boolean> {
  const source = from === undefined ? [] : ['-s', from];
  const args = ['-z', '-n', '-w', '2', ...source, control.address, '3922'];
  return (await host.commands.run('nc', args, { okCodes: [0, 1], timeoutMs: 10_000 })).exitCode === 0;
}

/** The guest gets its lease, and is reached through the forwarded port. */
async function assertServes(t: ExecutionContext, { lab, guest }: World, port: number): Promise<void> {
  t.regex(await lease(lab, guest), new RegExp(`lease ${guestAddress} `));
  const url = `http://${publicAddress}:${port}/`;
  t.not(await waitFor('the port forward', () => answererOf(lab.internet, url), 10_000).catch(() => null), null);
}

test('a router in a VM serves from its config drive, answers its orchestrator alone, and survives a power cut', async (t) => {
  t.timeout(15 * 60_000);
  const w = await world(t);
  const { lab, vm, pki, writer, guest } = w;
  const push = writer.full({
    'dhcp.hosts': { guest: guestHost },
    'nat.portForwards': { web: portForward(8080, 80) },
    'firewall.ingress': { all: openIngress },
  });
  const drive = await vm.writeDrive('drive', await pki.bootstrap(vm.id, push));

  // A drive that was cut short is refused, and nothing serves until a whole one comes in.
  await vm.powerOn(await vm.cutDrive(drive));
  await vm.says('the config drive is refused');
  t.false(await reaches(lab.host));
  // Forced: an appliance that just reads its drive has locked it.
  await vm.monitor(`change cd -f ${drive} raw`);
  await vm.says('isthmus: serving');
  await guest.commands.run('ip', ['link', 'set', 'dev', 'eth0', 'up']);
  // The guest's server needs the address that the lease gives.
  await lease(lab, guest);
  await lab.startEcho(guest, guestAddress);
  await assertServes(t, w, 8080);

  // Only an orchestrator of the installation is answered, and only the host on the control network gets that far.
  for (const [role, id] of [
    ['appliance', '11111111-1111-4111-8111-111111111111'],
    ['host', 'h1'],
  ] as const) {
    t.is(await answerTo(w, await pki.issue(role, id)), '', role);
  }
  const stranger = await ControlPki.create(lab.installation);
  t.is(await answerTo(w, await stranger.issue('orchestrator', 'test')), '', 'another CA');
  t.is(await answerTo(w, null), '', 'no certificate');
  t.regex(await answerTo(w, w.orchestrator), /^HTTP\/1\.1 200/);
  t.true(await reaches(lab.host));
  t.false(await reaches(lab.host, controlStranger), 'another address of the control network');
  const way = ['route', 'replace', `${control.address}/32`, 'via'];
  await guest.commands.run('ip', [...way, '10.1.1.1']);
  t.false(await reaches(guest), 'a guest');
  t.false(await pings(guest, control.address), 'a guest');
  await lab.internet.commands.run('ip', [...way, publicAddress]);
  t.false(await reaches(lab.internet), 'the public side');

  // A change is pushed; then the power is cut in the middle of it all.
  const client = clientOf(w);
  const change = writer.add({ 'nat.portForwards': { more: portForward(9090, 80) } });
  t.deepEqual(await client.push(change), { identity: change.target });
  await assertServes(t, w, 9090);
  const report = await client.bootReport();
  t.deepEqual(
    report.stages.map(({ stage }) => stage),
    ['kernel', 'initramfs', 'init', 'node', 'config drive', 'network', 'control', 'serving'],
  );
  t.true(report.memoryUsedBytes < 200 * mebibyte, `${report.memoryUsedBytes / mebibyte} MiB`);
  t.log(`${Math.round(report.memoryUsedBytes / mebibyte)} MiB in use`);
  const request = await client.certificateRequest();
  await client.putCertificate(await pki.grant('appliance', vm.id, request.publicKey));
  client.close();
  await vm.powerOff();

  await vm.powerOn(null);
  await vm.says('isthmus: serving (generation: 2');
  t.regex(await vm.console(), /checks the state partition/);
  await assertServes(t, w, 9090);
  const again = clientOf(w);
  t.deepEqual((await again.status()).serving, change.target);
  again.close();

  // ACPI power-off leaves a clean state partition.
  await vm.pressPowerButton();
  // A state partition beyond repair is made anew: the router needs its config drive again.
  await vm.damageState();
  await vm.powerOn(drive);
  await vm.says('isthmus: serving (generation: 1');
  t.regex(await vm.console(), /checks the state partition|formats the state partition|formatted anew/);
  await assertServes(t, w, 8080);

  // A first document that is refused leaves a router that its orchestrator alone reaches, and that takes the next one.
  await vm.pressPowerButton();
  await vm.damageState();
  const wrong = { ...push, target: { ...push.target, hash: '0'.repeat(64) } };
  await vm.powerOn(await vm.writeDrive('wrong', await pki.bootstrap(vm.id, wrong)));
  await vm.says('the document of the config drive was refused');
  const last = clientOf(w);
  t.is((await last.status()).serving, null);
  t.false(await reaches(lab.host, controlStranger), 'another address of the control network, and no document');
  t.false(await pings(lab.internet, publicAddress), 'no document');
  t.deepEqual(await last.push(push), { identity: push.target });
  last.close();
  await assertServes(t, w, 8080);
});
