// How long a router's VM takes from power-on until it serves: the built image under emulation, by direct kernel, from a
// config drive. The floor: the same kernel in the same machine with nothing but an init that says that it is there.
import { readFile, writeFile } from 'node:fs/promises';
import { CommandError, createNamespaceHost, type Host } from '@isthmus/host';
import { ApplianceClient } from '../../orchestrator/drivers/appliance-client.ts';
import { ControlPki, type Credentials } from '../lab/control-pki.ts';
import { createLab, type Lab, waitFor } from '../lab/index.ts';
import { addNamespace, plug } from '../lab/network.ts';
import { DocumentWriter, guestAddress, guestHost, guestMac, openIngress, portForward } from '../lab/router-document.ts';
import { createRouterVm, machineWords, type RouterVm, routerImage, type VmImage } from '../lab/router-vm.ts';
import { guestBridge } from '../lab/wired-router.ts';
import { type DhcpClients, startDhcpClients } from './dhcp-clients.ts';
import { closing } from './interrupt.ts';
import { fileOf, writeArchive } from './newc.ts';
import { type Ask, startProgram } from './program.ts';
import { type Benchmark, CannotRunError, type Row, rowOf, withGoal } from './result.ts';

const memoryMebibytes = 256;
const publicAddress = '203.0.113.10';
const publicPort = 8080;
const goalRatio = 5;
const sign = 'a bare init';
/** Between two DHCP questions: a slow machine must find time to do more than to answer them. */
const askEveryMs = 50;

interface Rig {
  readonly lab: Lab;
  readonly vm: RouterVm;
  readonly pki: ControlPki;
  readonly orchestrator: Credentials;
  readonly image: VmImage;
  readonly bareInitrd: string;
  readonly drive: string;
  readonly clients: DhcpClients;
  readonly connect: Ask;
}

/** What one boot took, in ms since power-on; `stages` by name, each by itself. */
interface Boot {
  readonly serving: number;
  readonly stages: ReadonlyMap<string, number>;
}

async function requireImage(lab: Lab, say: (words: string) => void): Promise<VmImage> {
  say("looks for the router's image, and builds it where there is none");
  try {
    return await routerImage(lab.machine);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const words = error.stderr.trim().split('\n').at(-1) ?? error.message;
    throw new CannotRunError(`the router's image cannot be built: ${words}`, { cause: error });
  }
}

/** The busybox of the router's own initramfs, and an init of a few words. */
async function writeBareInitrd(image: VmImage, path: string): Promise<void> {
  const busybox = fileOf(await readFile(image.initrd), 'bin/busybox');
  if (busybox === null) throw new CannotRunError(`${image.initrd}: expected an archive with bin/busybox in it`);
  const init = ['#!/bin/busybox sh', '/bin/busybox mount -t devtmpfs dev /dev', `echo ${sign} >/dev/console`, ''];
  const archive = writeArchive([
    { name: 'bin', mode: 0o40755 },
    { name: 'dev', mode: 0o40755 },
    { name: 'bin/busybox', mode: 0o100755, content: busybox },
    { name: 'init', mode: 0o100755, content: Buffer.from(init.join('\n')) },
  ]);
  await writeFile(path, archive);
}

async function makeGuest(lab: Lab): Promise<Host> {
  const namespace = `lab-${lab.installation}-guest`;
  await addNamespace(lab.machine, namespace);
  const where = { hostNamespace: `lab-${lab.installation}-host`, namespace, bridge: guestBridge };
  const address = `${guestAddress}/16`;
  await plug(lab.machine, where, { port: 'guest0', name: 'eth0', macAddress: guestMac, address });
  await lab.machine.commands.run('ip', ['-netns', namespace, 'route', 'add', 'default', 'via', '10.1.1.1']);
  return createNamespaceHost(lab.machine, namespace);
}

async function makeRig(lab: Lab, say: (words: string) => void): Promise<Rig> {
  const image = await requireImage(lab, say);
  const vm = await createRouterVm(lab, image);
  const pki = await ControlPki.create(lab.installation);
  const push = new DocumentWriter().full({
    'dhcp.hosts': { guest: guestHost },
    'nat.portForwards': { web: portForward(publicPort, 80) },
    'firewall.ingress': { all: openIngress },
  });
  const guest = await makeGuest(lab);
  await lab.startEcho(guest, guestAddress);
  const bareInitrd = `${vm.folder}/bare.initrd`;
  await writeBareInitrd(image, bareInitrd);
  return {
    lab,
    vm,
    pki,
    image,
    bareInitrd,
    orchestrator: await pki.issue('orchestrator', 'bench'),
    drive: await vm.writeDrive('drive', await pki.bootstrap(vm.id, push)),
    clients: await startDhcpClients(lab, guest, 'dhcp-client'),
    connect: await startProgram(lab, lab.internet, 'connector'),
  };
}

/** Milliseconds from the start of QEMU to the first line of a bare init. */
async function bootBare({ lab, vm, image, bareInitrd }: Rig): Promise<number> {
  const console = `${vm.folder}/bare.log`;
  await writeFile(console, '');
  const append = image.commandLine;
  const words = ['-kernel', image.kernel, '-initrd', bareInitrd, '-append', append, '-serial', `file:${console}`];
  const start = performance.now();
  const { pid } = await lab.startDaemon(lab.host, 'qemu-system-x86_64', [...machineWords(memoryMebibytes), ...words]);
  await waitFor('a bare init', async () => (await readFile(console, 'utf8')).includes(sign), 120_000);
  const end = performance.now();
  lab.machine.commands.signal(pid, 'SIGKILL');
  return end - start;
}

/** Resolves when a connection through the port forward comes about. */
async function forwarded(connect: Ask): Promise<void> {
  await waitFor(
    'the port forward',
    async () => (await connect(`${publicAddress} ${publicPort} 100`)) === 'connected',
    120_000,
  );
}

/** One boot; the config drive is the first identity of a new disk, or absent after a power cut. */
async function bootRouter(rig: Rig, drive: string | null): Promise<Boot> {
  const { vm, pki, orchestrator, clients, connect } = rig;
  if (drive !== null) await vm.newDisk();
  const start = performance.now();
  await vm.powerOn(drive, memoryMebibytes);
  const sinceStart = () => performance.now() - start;
  const announced = vm.says('isthmus: serving').then(sinceStart);
  const offered = waitFor('a DHCP answer', () => clients.offer(`${guestMac} ${askEveryMs}`).catch(() => null), 120_000);
  await Promise.all([offered, forwarded(connect)]);
  const serving = sinceStart();
  const announcedAt = await announced;
  const client = new ApplianceClient({
    id: vm.id,
    identity: pki.identity(orchestrator),
    openTunnel: () => vm.openTunnel(),
  });
  const { stages } = await client.bootReport();
  client.close();
  await vm.powerOff();
  const last = stages.at(-1)?.atMs ?? 0;
  // The kernel's clock does not know what came before it: QEMU's start, the firmware, the kernel's unpacking.
  const took = new Map([['firmware', Math.max(0, announcedAt - last)]]);
  let before = 0;
  for (const { stage, atMs } of stages) {
    took.set(stage === 'serving' ? 'apply' : stage, atMs - before);
    before = atMs;
  }
  return { serving, stages: took };
}

function stageRows(boots: readonly Boot[]): Row[] {
  const names = [...(boots[0]?.stages.keys() ?? [])];
  return names.map((what) =>
    rowOf(
      { what, unit: 'ms' },
      boots.map(({ stages }) => stages.get(what) ?? 0),
    ),
  );
}

async function measure(rig: Rig, rounds: number, say: (words: string) => void): Promise<Row[]> {
  const bare: number[] = [];
  const first: Boot[] = [];
  const again: Boot[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    bare.push(await bootBare(rig));
    first.push(await bootRouter(rig, rig.drive));
    again.push(await bootRouter(rig, null));
    const [floor, ours] = [bare.at(-1) ?? 0, first.at(-1)?.serving ?? 0];
    say(`round ${round}: ${(ours / 1000).toFixed(1)} s, a bare init ${(floor / 1000).toFixed(1)} s`);
  }
  const serving = rowOf(
    { what: 'serving', unit: 'ms' },
    first.map((boot) => boot.serving),
    bare,
  );
  const ratio = serving.ratio ?? Number.POSITIVE_INFINITY;
  return [
    withGoal(serving, `at most ${goalRatio} times a bare init`, ratio, ratio <= goalRatio),
    rowOf(
      { what: 'serving after a power cut', unit: 'ms' },
      again.map((boot) => boot.serving),
      bare,
    ),
    ...stageRows(first),
  ];
}

export const boot: Benchmark = {
  about: "a router's VM from power-on to its first served generation, and where the time goes",
  needs: ['qemu-system-x86_64', 'qemu-img', 'xorriso'],
  async run({ quick, say }) {
    const lab = await createLab({ hostAgent: false, logLevel: 'silent' });
    const close = closing(() => lab.teardown());
    try {
      const rig = await makeRig(lab, say);
      return await measure(rig, quick ? 2 : 5, say);
    } finally {
      await close();
    }
  },
};
