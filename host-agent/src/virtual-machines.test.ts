// The host agent over machines of their own: control network, tunnel, config drives, healing, and a host that returns.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createHost, createNamespaceHost, type Host, silentLog } from '@isthmus/host';
import test from 'ava';

const machine = createHost({ log: silentLog });
const program = new URL('./vm-host-fixture.ts', import.meta.url).pathname;
const boots = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'] as const;
const image = Buffer.from('an image');
const sha256 = createHash('sha256').update(image).digest('hex');
const pem = (what: string) => `-----BEGIN ${what}-----\nAAAA\n-----END ${what}-----\n`;
const bootstrap = {
  installation: 'ab12',
  privateKey: pem('PRIVATE KEY'),
  grant: { certificate: pem('CERTIFICATE'), authorities: [pem('CERTIFICATE')], revoked: [] },
  push: null,
};
const spec = {
  kind: 'router',
  nics: [
    { name: 'eth0', macAddress: '02:00:00:00:00:01', segment: { kind: 'guest', id: 'g', vni: 7 }, addresses: null },
  ],
  machine: { image: { sha256, format: 'raw' }, cpus: 1, memoryBytes: 2 ** 28 },
};

async function waitFor(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: not within 15 s`);
}

interface Report {
  readonly state: string;
  readonly reason?: string;
  readonly controlAddress?: string;
  readonly hasConfigDrive?: boolean;
  readonly serialConsole?: string;
}

class VmHost {
  readonly directory: string;
  readonly prefix: string;
  readonly host: Host;
  #pid = 0;

  constructor(directory: string, prefix: string) {
    this.directory = directory;
    this.prefix = prefix;
    this.host = createNamespaceHost(machine, prefix);
  }

  async start(bootId: string = boots[0]): Promise<void> {
    const args = [program, this.directory, this.prefix, bootId];
    this.#pid = await this.host.commands.startDaemon(process.execPath, args, { logPath: `${this.directory}/log` });
    await waitFor('the host agent serves', async () => (await this.call('GET', '/v1/host').catch(() => null)) !== null);
  }

  async kill(): Promise<void> {
    if (this.#pid > 1) machine.commands.signal(this.#pid, 'SIGKILL');
    await waitFor('it ends', async () => !(await machine.commands.isRunning(this.#pid, process.execPath)));
  }

  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const bytes = body instanceof Buffer ? body : body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: `${this.directory}/socket`, method, path, agent: false }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          resolve({ status: response.statusCode ?? 0, body: text === '' ? null : JSON.parse(text) });
        });
      });
      call.on('error', reject);
      call.end(bytes);
    });
  }

  async report(id: string): Promise<Report> {
    return (await this.call('GET', `/v1/appliances/${id}`)).body as Report;
  }

  /** Lines of what was started. */
  async starts(): Promise<string[]> {
    const text = (await machine.files.readTextIfExists(`${this.directory}/starts`)) ?? '';
    return text.split('\n').filter((line) => line !== '');
  }

  /** Process id of a VM; 0 where there is none. */
  async pidOf(id: string): Promise<number> {
    return Number((await machine.files.readTextIfExists(`${this.directory}/${id}.pid`)) ?? '0');
  }

  /** A tunnel to an appliance's agent, or the answer where there is none. */
  tunnel(id: string, upgrade = 'isthmus-tunnel'): Promise<Socket | IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade };
      const path = `/v1/appliances/${id}/agent`;
      const createConnection = () => connect({ path: `${this.directory}/socket`, allowHalfOpen: true });
      const call = request({ path, headers, createConnection });
      call.on('error', reject);
      call.on('response', (response) => resolve(response.resume()));
      call.on('upgrade', (_response, socket) => resolve(socket as Socket));
      call.end();
    });
  }
}

async function vmHost(t: { teardown(end: () => Promise<void>): void }): Promise<VmHost> {
  const prefix = `vms-${randomBytes(3).toString('hex')}`;
  const directory = await mkdtemp('/tmp/isthmus-vms-');
  await machine.commands.run('ip', ['netns', 'add', prefix]);
  const host = new VmHost(directory, prefix);
  t.teardown(async () => {
    await host.call('DELETE', '/v1/everything').catch(() => null);
    await host.kill();
    await machine.commands.run('ip', ['netns', 'delete', prefix]);
    await rm(directory, { recursive: true, force: true });
  });
  await host.host.commands.run('ip', ['link', 'set', 'dev', 'lo', 'up']);
  await host.start();
  return host;
}

async function withRouter(t: { teardown(end: () => Promise<void>): void }): Promise<VmHost> {
  const host = await vmHost(t);
  await host.call('PUT', `/v1/images/${sha256}`, image);
  await host.call('PUT', '/v1/appliances/a/config-drive', bootstrap);
  const { status, body } = await host.call('PUT', '/v1/appliances/a', spec);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return host;
}

/** What comes back of `text` by an echo server, to its end. */
function echo(socket: Socket, text: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('end', () => resolve(Buffer.concat(parts)));
    socket.on('error', reject);
    socket.end(text);
  });
}

test('the tunnel carries bytes both ways to the agent of its appliance, each side to its own end', async (t) => {
  const host = await withRouter(t);
  const bytes = randomBytes(3_000_000);
  const answers = async (): Promise<boolean> => {
    const socket = await host.tunnel('a');
    return 'write' in socket && (await echo(socket, bytes)).equals(bytes);
  };
  await waitFor('the agent answers', answers);
  const two = await Promise.all([answers(), answers()]);
  t.deepEqual(two, [true, true]);
});

test('where there is no agent to reach the tunnel says why', async (t) => {
  const host = await withRouter(t);
  const status = async (...args: Parameters<VmHost['tunnel']>) => {
    const answer = await host.tunnel(...args);
    return 'statusCode' in answer ? answer.statusCode : 101;
  };
  t.is(await status('nobody'), 404);
  t.is(await status('a', 'websocket'), 400);
  await waitFor('the agent answers', async () => (await status('a')) === 101);
  const pid = await host.pidOf('a');
  // It stands still, and its port is closed for whoever connects: no answer within the time for it.
  await host.call('POST', '/v1/appliances/a/stop');
  t.is(await status('a'), 423);
  t.false(await machine.commands.isRunning(pid, process.execPath), 'a stop is confirmed');
  t.like(await host.report('a'), { state: 'Stopped' });
});

test('a tunnel ends with the VM, and with the client', async (t) => {
  const host = await withRouter(t);
  let socket: Socket | IncomingMessage | null = null;
  await waitFor('a tunnel', async () => {
    socket = await host.tunnel('a');
    return 'write' in socket;
  });
  const open = socket as Socket | null;
  if (open === null) throw new Error('expected a tunnel');
  const ended = new Promise((resolve) => open.once('close', resolve));
  open.on('error', () => undefined);
  open.resume();
  open.write('half a word');
  machine.commands.signal(await host.pidOf('a'), 'SIGKILL');
  open.end();
  await ended;
  await waitFor('healed', async () => (await host.starts()).length === 2);
  const again = await host.tunnel('a');
  if ('write' in again) again.destroy();
  t.like(await host.report('a'), { state: 'Running' });
});

test('an appliance has a control NIC of its own, and reaches nothing of the host', async (t) => {
  const host = await withRouter(t);
  await host.call('PUT', '/v1/appliances/b', spec);
  const [a, b] = await Promise.all(['a', 'b'].map(async (id) => (await host.report(id)).controlAddress ?? ''));
  t.regex(a ?? '', /^169\.254\.\d+\.2$/);
  t.is(b, a?.replace(/2$/, '3'));
  const gateway = a?.replace(/2$/, '1') ?? '';
  await host.host.commands.run('ip', ['address', 'add', '192.0.2.1/32', 'dev', 'lo']);
  const inside = createNamespaceHost(machine, `${host.prefix}-a`);
  await inside.commands.run('ip', ['route', 'add', '192.0.2.1/32', 'via', gateway]);
  const pings = async (from: Host, to: string) =>
    (await from.commands.run('ping', ['-c', '1', '-W', '1', to], { okCodes: [0, 1] })).exitCode === 0;
  t.true(await pings(host.host, a ?? ''));
  t.false(await pings(inside, gateway));
  t.false(await pings(inside, '192.0.2.1'));
  // Whose address is whose is not asked of the network.
  const { stdout } = await host.host.commands.run('ip', ['neigh', 'show', 'dev', 'ab12c', 'nud', 'permanent']);
  t.true(stdout.includes(`${a} `) && stdout.includes(`${b} `));
  await host.call('DELETE', '/v1/appliances/a');
  await host.call('DELETE', '/v1/appliances/a');
  await host.call('PUT', '/v1/appliances/c', spec);
  t.is((await host.report('c')).controlAddress, a);
  // A bridge that someone removed.
  await host.host.commands.run('ip', ['link', 'delete', 'dev', 'ab12c']);
  await waitFor('the bridge is back', async () => {
    const shown = await host.host.commands.run('ip', ['-4', 'address', 'show', 'dev', 'ab12c'], { okCodes: [0, 1] });
    return shown.stdout.includes(gateway);
  });
});

test('a config drive is there from its order to its ejection, over a restart of the host agent, and never on disk', async (t) => {
  const host = await withRouter(t);
  const [line = ''] = await host.starts();
  const path = `${host.directory}/run/config-drives/a/config.iso`;
  t.is(line, `a ${path}`);
  t.like(await host.report('a'), { hasConfigDrive: true });
  await host.kill();
  await host.start();
  t.like(await host.report('a'), { hasConfigDrive: true, state: 'Running' });
  const { stdout } = await machine.commands.run('grep', ['-r', '-l', 'BEGIN', `${host.directory}/state`], {
    okCodes: [0, 1],
  });
  t.is(stdout, '');
  await host.call('POST', '/v1/appliances/a/eject-config-drive');
  t.like(await host.report('a'), { hasConfigDrive: false });
  t.false(await machine.files.exists(path));
  await host.call('PUT', '/v1/appliances/a/config-drive', bootstrap);
  await host.call('DELETE', '/v1/appliances/a');
  t.deepEqual(await machine.files.list(`${host.directory}/run/config-drives`), []);
  const refused = await host.call('PUT', '/v1/appliances/a/config-drive', { ...bootstrap, privateKey: 'a secret' });
  t.is(refused.status, 400);
  t.false(JSON.stringify(refused.body).includes('a secret'));
  t.is((await host.call('POST', '/v1/appliances/nobody/eject-config-drive')).status, 404);
});

test('a VM that was killed is started again; one that never stays up is given up by and by, with its last words', async (t) => {
  const host = await withRouter(t);
  const pid = await host.pidOf('a');
  machine.commands.signal(pid, 'SIGKILL');
  await waitFor('it runs again', async () => ![0, pid].includes(await host.pidOf('a')));
  t.like(await host.report('a'), { state: 'Running' });
  await machine.files.writeText(`${host.directory}/hopeless`, '');
  machine.commands.signal(await host.pidOf('a'), 'SIGKILL');
  await waitFor('it is reported', async () => (await host.report('a')).state === 'Error');
  const report = await host.report('a');
  t.regex(report.reason ?? '', /it was started \d+ times and did not stay up/);
  t.is(report.serialConsole, 'Kernel panic - not syncing');
  await machine.files.remove(`${host.directory}/hopeless`);
  await host.call('POST', '/v1/appliances/a/reboot');
  t.like(await host.report('a'), { state: 'Running' });
});

test('a host agent that starts anew adopts what runs; after a reboot of the machine nothing starts without an order', async (t) => {
  const host = await withRouter(t);
  const pid = await host.pidOf('a');
  await host.kill();
  await host.start();
  t.is(await host.pidOf('a'), pid);
  t.is((await host.starts()).length, 1);
  await host.kill();
  machine.commands.signal(pid, 'SIGKILL');
  await host.start(boots[1]);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  t.is((await host.starts()).length, 1);
  const report = await host.report('a');
  t.is(report.state, 'Stopped');
  t.regex(report.reason ?? '', /rebooted/);
  // Also not after another start of the host agent in the same boot.
  await host.kill();
  await host.start(boots[1]);
  t.is((await host.report('a')).state, 'Stopped');
  await host.call('PUT', '/v1/appliances/a', spec);
  t.like(await host.report('a'), { state: 'Running' });
  t.is((await host.starts()).length, 2);
});

test('a machine without its image, or without a machine, is refused', async (t) => {
  const host = await vmHost(t);
  const lacking = await host.call('PUT', '/v1/appliances/a', spec);
  t.like(lacking, { status: 423, body: { code: 'conflict' } });
  const { machine: _machine, ...without } = spec;
  t.like(await host.call('PUT', '/v1/appliances/b', without), { status: 400, body: { code: 'invalid' } });
  const wrong = await host.call('PUT', `/v1/images/${'a'.repeat(64)}`, image);
  t.like(wrong, { status: 400, body: { code: 'invalid' } });
  t.is((await host.call('PUT', '/v1/images/a', image)).status, 400);
  t.deepEqual((await host.call('GET', '/v1/images')).body, []);
  t.is((await host.call('PUT', `/v1/images/${sha256}`, image)).status, 204);
  t.is((await host.call('PUT', `/v1/images/${sha256}`, image)).status, 204);
  t.deepEqual((await host.call('GET', '/v1/images')).body, [{ sha256, bytes: image.length }]);
  t.is((await host.call('PUT', '/v1/appliances/a', spec)).status, 200);
});

test('NICs come and go; tunnels need a tunnel address; a push to a VM goes through the tunnel', async (t) => {
  const host = await withRouter(t);
  const nic = { ...spec.nics[0], name: 'eth2', macAddress: '02:00:00:00:00:02' };
  t.is((await host.call('PUT', '/v1/appliances/a/nics/eth2', nic)).status, 200);
  t.like(await host.call('PUT', '/v1/appliances/a/nics/eth3', nic), { status: 400 });
  t.is((await host.call('DELETE', '/v1/appliances/a/nics/eth2')).status, 200);
  t.like(await host.call('DELETE', '/v1/appliances/a/nics/eth0'), { status: 400 });
  t.is((await host.call('PUT', '/v1/tunnels', { peers: [] })).status, 204);
  t.is((await host.call('PUT', '/v1/tunnels', { peers: ['192.0.2.1'] })).status, 423);
  t.like(await host.call('POST', '/v1/appliances/a/push', {}), { status: 423, body: { code: 'conflict' } });
  t.like((await host.call('GET', '/v1/host')).body as object, {
    driver: 'libvirt',
    accelerator: 'tcg',
    bootId: boots[0],
  });
});

test('a console proxy is a VM as a router is: another kind needs another id', async (t) => {
  const host = await vmHost(t);
  await host.call('PUT', `/v1/images/${sha256}`, image);
  await host.call('PUT', '/v1/appliances/p/config-drive', bootstrap);
  const { status, body } = await host.call('PUT', '/v1/appliances/p', { ...spec, kind: 'console-proxy' });
  t.is(status, 200);
  t.like(body, { kind: 'console-proxy', state: 'Running', agent: null, hasConfigDrive: true });
  const path = `${host.directory}/run/config-drives/p/config.iso`;
  const to = `${host.directory}/config.json`;
  await machine.commands.run('xorriso', ['-osirrox', 'on', '-indev', path, '-extract', '/config.json', to]);
  t.like(JSON.parse(await machine.files.readText(to)), { id: 'p', kind: 'console-proxy' });
  await waitFor('the agent is reached', async () => {
    const tunnel = await host.tunnel('p');
    tunnel.destroy();
    return 'write' in tunnel;
  });
  t.like(await host.call('POST', '/v1/appliances/p/push', {}), { status: 423 });
  t.like(await host.call('PUT', '/v1/appliances/p', spec), { status: 423 });
});
