// A host whose machine is simulated: its host agent is a real HTTP server on a Unix socket, its power and its network are
// switched by the test, and its controller may be broken. Tests alone import this.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { HostReport, Identity, Ports, Push, Refusal } from '@isthmus/contract';
import type { Ipv4Address } from '@isthmus/net';

interface Machine {
  running: boolean;
  serving: Identity | null;
  dark: boolean;
}

/** What becomes of a call: it has no effect, or its effect is not told, since the connection breaks. */
export type CallFault = 'lost' | 'untold';

export class SimulatedHost {
  readonly name: string;
  readonly url: string;
  readonly appliances = new Map<string, Machine>();
  readonly instances = new Map<string, Machine>();
  readonly tunnels: string[][] = [];
  isOn = true;
  /** False: the orchestrator's network does not reach its host agent. */
  isReachable = true;
  /** False: its controller does not answer. */
  isControllerReachable = true;
  tunnelAddress: Ipv4Address | null = null;
  guestMtu: number | null = null;
  memoryFreeBytes = 8 * 2 ** 30;
  /** Called before a machine starts to run. */
  onStart: (kind: 'appliance' | 'instance', id: string) => void = () => {};
  /** Called before each call, and waited for. */
  faultOf: (call: string) => CallFault | null | Promise<CallFault | null> = () => null;
  /** What a router answers to a push instead of taking it. */
  refusalOf: (push: Push) => Refusal | null | Promise<Refusal | null> = () => null;
  /** Called after each call. */
  onAnswered: (call: string) => void = () => {};
  readonly #path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #bootId = randomUUID();

  constructor(directory: string, name: string) {
    this.name = name;
    this.#path = `${directory}/${name}.sock`;
    this.url = `unix:${this.#path}`;
    this.#server = createServer((request, response) => {
      void read(request).then(async (body) => {
        // What arrives at a host that is off or cut off is never answered.
        if (!this.isOn || !this.isReachable) return request.socket.destroy();
        const call = `${request.method} ${request.url}`;
        const fault = await this.faultOf(call);
        if (fault === 'lost') return request.socket.destroy();
        const refusal = request.url?.endsWith('/push') === true ? await this.refusalOf(JSON.parse(body) as Push) : null;
        const { status, answer } =
          refusal !== null
            ? { status: 409, answer: refusal as unknown }
            : this.#answer(request.method ?? '', request.url ?? '', body);
        this.onAnswered(call);
        if (fault === 'untold') return request.socket.destroy();
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(answer === null ? undefined : JSON.stringify(answer));
      });
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      if (!this.isOn || !this.isReachable) socket.destroy();
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#path, resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#path, { force: true });
  }

  cutNetwork(): void {
    this.isReachable = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  powerOff(): void {
    this.isOn = false;
    for (const machine of [...this.appliances.values(), ...this.instances.values()]) machine.running = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Boots: what it had is there and does not run, since a host asks first. */
  powerOn(): void {
    if (this.isOn) return;
    this.isOn = true;
    this.#bootId = randomUUID();
  }

  isRunning(id: string): boolean {
    return this.isOn && (this.appliances.get(id)?.running ?? this.instances.get(id)?.running ?? false);
  }

  report(): HostReport {
    return {
      installation: 'test',
      hostname: this.name,
      driver: 'namespace',
      accelerator: null,
      bootId: this.#bootId,
      tunnelAddress: this.tunnelAddress,
      ...(this.guestMtu !== null && { guestMtu: this.guestMtu }),
      version: '0.1.0',
      cpus: 4,
      memoryBytes: 16 * 2 ** 30,
      memoryFreeBytes: this.memoryFreeBytes,
      pid: 1,
    };
  }

  #answer(method: string, url: string, body: string): { status: number; answer: unknown } {
    const [, , resource = '', id = '', action = '', ...rest] = url.split('/');
    if (resource === 'host') return { status: 200, answer: this.report() };
    if (resource === 'tunnels') {
      this.tunnels.push((JSON.parse(body) as { peers: string[] }).peers);
      return { status: 204, answer: null };
    }
    if (resource === 'appliances')
      return this.#machine('appliance', this.appliances, method, id, [action, ...rest], body);
    if (resource === 'instances') return this.#machine('instance', this.instances, method, id, [action, ...rest], body);
    return { status: 204, answer: null };
  }

  #machine(
    kind: 'appliance' | 'instance',
    machines: Map<string, Machine>,
    method: string,
    id: string,
    [action = '', ...rest]: readonly string[],
    body: string,
  ): { status: number; answer: unknown } {
    if (id === '')
      return { status: 200, answer: [...machines].map(([each, machine]) => describe(kind, each, machine)) };
    if (method === 'DELETE') {
      const known = machines.delete(id);
      return known ? { status: 204, answer: null } : notFound;
    }
    const machine = machines.get(id) ?? { running: false, serving: null, dark: JSON.parse(body || '{}').dark === true };
    if (method === 'PUT' && action === '') {
      machines.set(id, machine);
      this.#run(kind, id, machine);
      return { status: 200, answer: describe(kind, id, machine) };
    }
    if (!machines.has(id)) return notFound;
    if (method === 'GET') return { status: 200, answer: action === 'state' ? {} : describe(kind, id, machine) };
    if (action === 'ports') return this.#changePorts(machine, JSON.parse(body) as Ports);
    if (action === 'operations') return operationAnswer(rest[0]);
    if (action === 'push') {
      machine.serving = (JSON.parse(body) as Push).target;
      return { status: 200, answer: { identity: machine.serving } };
    }
    if (action === 'stop') machine.running = false;
    if (action === 'start' || action === 'reboot') this.#run(kind, id, machine);
    return { status: 204, answer: null };
  }

  #changePorts(machine: Machine, { state, instead }: Ports): { status: number; answer: unknown } {
    const other = instead === undefined ? undefined : this.appliances.get(instead);
    if (other !== undefined) other.dark = state === 'lit';
    machine.dark = state === 'dark';
    return { status: 204, answer: null };
  }

  #run(kind: 'appliance' | 'instance', id: string, machine: Machine): void {
    if (machine.running) return;
    this.onStart(kind, id);
    machine.running = true;
  }
}

const notFound = { status: 404, answer: { code: 'not-found', message: 'it is not there' } };

function operationAnswer(name: string | undefined): { status: number; answer: unknown } {
  const answers: Readonly<Record<string, unknown>> = {
    'export-flows': { flows: '' },
    'import-flows': { taken: 0, present: 0 },
    announce: {},
  };
  const answer = answers[name ?? ''];
  return answer === undefined ? notFound : { status: 200, answer };
}

function describe(kind: 'appliance' | 'instance', id: string, { running, serving }: Machine): unknown {
  const state = running ? 'Running' : 'Stopped';
  if (kind === 'instance') return { id, state, address: null };
  return { id, kind: 'router', state, agent: running ? { serving, services: [] } : null };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
