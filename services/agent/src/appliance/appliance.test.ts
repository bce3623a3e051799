// What the packet filter holds while an agent starts, in a network namespace that stands for the appliance's own machine.
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import type { Identity } from '@isthmus/contract';
import { createHost, createNamespaceHost, type Host, silentLog } from '@isthmus/host';
import { parseIpv4Address } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { Appliance } from './appliance.ts';
import { configOf, identityOf } from './appliance-fixture.ts';
import { BootStages } from './boot-stages.ts';
import { TestAuthority } from './certificates-fixture.ts';
import { IdentityStore } from './identity-store.ts';
import { closeUntilServed } from './network.ts';
import type { ApplianceRole } from './role.ts';

const machine = createHost({ log: silentLog });
const stored: Identity = { epoch: '00000000-0000-4000-8000-000000000001', generation: 1, hash: 'a'.repeat(64) };

interface Start {
  /** Of the last good document. */
  readonly stored?: Identity | null;
  /** Brings the document into force; absent: it cannot be applied. */
  readonly apply?: () => Promise<void>;
}

interface Bench {
  readonly host: Host;
  /** Starts an agent that keeps its packet filter; resolves when its document was tried, and the filter seen to. */
  start(start: Start): Promise<{ readonly isNewKernel: boolean; readonly whenAsked: string }>;
  /** As a boot: what /run held is gone, and the kernel's rules with it. */
  boot(): Promise<void>;
  /** The rules for what comes in, of both families. */
  input(): Promise<string>;
  readonly control: ReturnType<typeof identityOf>['control'];
}

async function bench(t: ExecutionContext): Promise<Bench> {
  const name = `lab-${randomBytes(3).toString('hex')}-appliance`;
  const folder = `/tmp/ithtest-${name}`;
  await mkdir(folder);
  await machine.commands.run('ip', ['netns', 'add', name]);
  t.teardown(async () => {
    await machine.commands.run('ip', ['netns', 'delete', name]);
    await rm(folder, { recursive: true, force: true });
  });
  const inside = createNamespaceHost(machine, name);
  const host = { ...inside, log: { ...silentLog, announce: () => {} } };
  const { commands } = inside;
  const config = await configOf(await TestAuthority.create());
  // The agent's port is one of this process: the namespace has a control NIC of that address besides.
  const control = { ...config.control, address: parseIpv4Address('127.0.0.1'), prefixLength: 8 };
  const identity = identityOf({ ...config, control });
  const [macAddress, peer] = [config.control.macAddress, 'beside'];
  await commands.run('ip', ['link', 'add', 'eth1', 'address', macAddress, 'type', 'veth', 'peer', 'name', peer]);
  const paths = { state: `${folder}/state`, run: `${folder}/run` };
  await new IdentityStore(host.files, `${paths.state}/identity`).save(identity);
  const input = async () => {
    const each = ['iptables', 'ip6tables'].map((command) => commands.run(command, ['-S', 'INPUT']));
    return (await Promise.all(each)).map(({ stdout }) => stdout).join('');
  };
  return {
    host,
    control,
    input,
    boot: async () => {
      await rm(paths.run, { recursive: true, force: true });
      for (const command of ['iptables-restore', 'ip6tables-restore']) {
        await commands.run(command, [], { input: '*filter\n:INPUT ACCEPT\nCOMMIT\n*raw\nCOMMIT\n' });
      }
    },
    start: async ({ stored: document = null, apply }) => {
      const seen = { isNewKernel: false, whenAsked: '' };
      const role: ApplianceRole = {
        kind: 'router',
        keepsPacketFilter: true,
        create: async ({ isNewKernel, onServing }) => ({
          stored: document,
          begin: async () => {
            Object.assign(seen, { isNewKernel, whenAsked: await input() });
            await apply?.();
            if (apply !== undefined) onServing(stored);
          },
          status: () => Promise.reject(new Error('nobody asks')),
          route: () => undefined,
          release: async () => {},
        }),
      };
      const links = async () => [{ ifname: 'eth1', address: macAddress }];
      const place = { drives: async () => [], readDrive: async () => null, isShared: false, links };
      const stages = await BootStages.begin(host.files, host.clock, 'test', `${folder}/stages`);
      // It sleeps for the first time when all that it does at its start is done.
      const slept = Promise.withResolvers<void>();
      const sleep: typeof host.clock.sleep = (ms, signal) => {
        slept.resolve();
        return host.clock.sleep(ms, signal);
      };
      const appliance = new Appliance({
        role,
        place,
        paths,
        stages,
        host: { ...host, clock: { ...host.clock, sleep } },
        port: 0,
        program: `${folder}/router.mjs`,
        version: 'test',
      });
      const running = appliance.run();
      await Promise.race([slept.promise, running]);
      await appliance.release();
      await running;
      return seen;
    },
  };
}

const isClosed = (input: string) => input.startsWith('-P INPUT DROP') && !input.includes('--dport 53');

test('a new kernel is closed by its document, or before anybody is answered, or where the document fails', async (t) => {
  const { host, start, input, boot, control } = await bench(t);
  const document = async () => {
    await closeUntilServed(host.commands, control);
    await host.commands.run('iptables', ['-A', 'INPUT', '-p', 'udp', '--dport', '53', '-j', 'ACCEPT']);
  };
  const open = '-P INPUT ACCEPT\n-P INPUT ACCEPT\n';
  t.deepEqual(await start({ stored, apply: document }), { isNewKernel: true, whenAsked: open });
  t.regex(await input(), /--dport 53 -j ACCEPT/);

  // Who starts again finds that document in force, and lets it stand.
  const served = await input();
  t.deepEqual(await start({ stored }), { isNewKernel: false, whenAsked: served });
  t.is(await input(), served);

  await boot();
  const without = await start({});
  t.true(without.isNewKernel && isClosed(without.whenAsked));

  await boot();
  t.deepEqual(await start({ stored }), { isNewKernel: true, whenAsked: open });
  t.true(isClosed(await input()));
});

test('an agent that was killed at any step of its first rules finds them whole, or closes all', async (t) => {
  const { host, start, input, boot, control } = await bench(t);
  const { commands } = host;
  for (const { family, command } of [
    { family: 'IPv4', command: 'ip6tables' },
    { family: 'IPv6', command: 'iptables' },
  ]) {
    await boot();
    await start({ stored, apply: () => closeUntilServed(commands, control) });
    const whole = await input();
    await commands.run(command, ['-P', 'INPUT', 'ACCEPT']);
    const { isNewKernel, whenAsked } = await start({ stored });
    t.false(isNewKernel);
    t.is(whenAsked, whole, `${family} alone stood`);
  }
});

test('rules of another identity do not stand: they admit the port of another', async (t) => {
  const { host, start, input, control } = await bench(t);
  await start({ stored, apply: () => closeUntilServed(host.commands, control) });
  const own = await input();
  await closeUntilServed(host.commands, { ...control, address: parseIpv4Address('169.254.20.8') });
  t.not(await input(), own);
  t.is((await start({ stored })).whenAsked, own);
});
