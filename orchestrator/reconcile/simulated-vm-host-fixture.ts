// A host whose VMs are simulated: its host agent is a real HTTP server on a Unix socket with tunnels, each of its routers
// a real TLS server that has the identity of its config drive. Tests alone import this.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ApplianceState, Bootstrap, CertificateGrant, ConsoleProxyPush, Identity, Push } from '@isthmus/contract';
import { createKeyPair } from '../pki/authority.ts';
import { createCertificateRequest } from '../pki/certificate-request.ts';
import { applianceOf, carryTunnel } from './control-path-fixture.ts';

/** A router's VM: what is on its disk, and its agent while it runs. */
export class SimulatedVm {
  readonly spec: unknown;
  isRunning = false;
  drive: Bootstrap | null = null;
  /** On its state partition. */
  identity: { privateKey: string; grant: CertificateGrant } | null = null;
  serving: Identity | null = null;
  state: ApplianceState = {};
  boots = 0;
  #pending: string | null = null;
  #server: Server | null = null;
  readonly #sockets = new Set<Duplex>();

  constructor(spec: unknown) {
    this.spec = spec;
  }

  /** Starts; with `isBroken` its agent never comes up. */
  async boot(isBroken: boolean): Promise<void> {
    await this.halt();
    this.isRunning = true;
    this.boots += 1;
    if (isBroken) return;
    if (this.drive !== null) {
      this.identity = { privateKey: this.drive.privateKey, grant: this.drive.grant };
      this.serving = this.drive.push?.target ?? this.serving;
    }
    if (this.identity === null) return;
    this.#server = this.#serve(this.identity);
    const server = this.#server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  /** As if its process were killed. */
  async halt(): Promise<void> {
    this.isRunning = false;
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = null;
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  /** Of its agent; null while it does not listen. */
  get port(): number | null {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port ?? null;
  }

  #serve({ privateKey, grant }: { privateKey: string; grant: CertificateGrant }): Server {
    const options = { key: privateKey, cert: grant.certificate, ca: [...grant.authorities], requestCert: true };
    const server = createTlsServer(options, this.#answer);
    server.on('secureConnection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
    });
    return server;
  }

  readonly #answer: RequestListener = (request, response) => {
    void read(request).then((body) => {
      const answer = this.#handle(`${request.method} ${request.url}`, body);
      response.writeHead(answer === null ? 204 : 200).end(answer === null ? undefined : JSON.stringify(answer));
    });
  };

  #handle(call: string, body: string): unknown {
    switch (call) {
      case 'GET /v1/status':
        return { serving: this.serving, services: [] };
      case 'POST /v1/push':
        this.serving = (JSON.parse(body) as Push).target;
        return { identity: this.serving };
      case 'PUT /v1/document':
        this.serving = (JSON.parse(body) as ConsoleProxyPush).target;
        return { identity: this.serving };
      case 'GET /v1/state':
        return this.state;
      case 'PUT /v1/state':
        this.state = JSON.parse(body) as ApplianceState;
        return null;
      case 'POST /v1/certificate/request': {
        const keys = createKeyPair();
        this.#pending = keys.privateKey;
        return createCertificateRequest(keys);
      }
      case 'PUT /v1/certificate': {
        const grant = JSON.parse(body) as CertificateGrant;
        this.identity = { privateKey: this.#pending ?? '', grant };
        (this.#server as unknown as { setSecureContext(options: object): void }).setSecureContext({
          key: this.identity.privateKey,
          cert: grant.certificate,
          ca: [...grant.authorities],
        });
        return null;
      }
      default:
        return null;
    }
  }
}

export class SimulatedVmHost {
  readonly vms = new Map<string, SimulatedVm>();
  readonly url: string;
  /** True: the agents of VMs that start from now on never come up. */
  isBroken = false;
  /** Paths of calls that are refused. */
  readonly refused = new Set<string>();
  /** Calls that changed something, in their order. */
  readonly calls: string[] = [];
  readonly #path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #drives = new Map<string, Bootstrap>();
  readonly #images: readonly string[];

  /** `images`: SHA-256 of what its cache holds. */
  constructor(images: readonly string[]) {
    this.#images = images;
    this.#path = `/tmp/isthmus-vm-host-${randomUUID()}.sock`;
    this.url = `unix:${this.#path}`;
    this.#server = createServer((request, response) => {
      void read(request).then(async (body) => {
        const { status, answer } = await this.#answer(request.method ?? '', request.url ?? '', body);
        response.writeHead(status).end(answer === undefined ? undefined : JSON.stringify(answer));
      });
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('upgrade', (request: IncomingMessage, client: Duplex) => this.#tunnel(request, client));
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#path, resolve));
  }

  async close(): Promise<void> {
    for (const vm of this.vms.values()) await vm.halt();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#path, { force: true });
  }

  #tunnel(request: IncomingMessage, client: Duplex): void {
    const port = this.vms.get(applianceOf(request))?.port ?? null;
    carryTunnel(client, port, 'connect ECONNREFUSED');
  }

  async #answer(method: string, url: string, body: string): Promise<{ status: number; answer?: unknown }> {
    const [, , resource = '', id = '', action = ''] = url.split('/');
    if (method !== 'GET') this.calls.push(`${method} ${action === '' ? resource : action}`);
    if (this.refused.has(`${method} ${action}`.trim())) {
      return { status: 500, answer: { code: 'failed', message: 'libvirtd does not answer' } };
    }
    if (resource === 'images') return { status: 200, answer: this.#images.map((sha256) => ({ sha256, bytes: 1 })) };
    if (resource !== 'appliances') return { status: 204 };
    if (id === '') return { status: 200, answer: [...this.vms.keys()].map((each) => this.#describe(each)) };
    if (action === 'config-drive') {
      this.#drives.set(id, JSON.parse(body) as Bootstrap);
      return { status: 204 };
    }
    if (method === 'PUT' && action === '') await this.#put(id, JSON.parse(body));
    const vm = this.vms.get(id);
    if (vm === undefined) return { status: 404, answer: { code: 'not-found', message: 'it is not there' } };
    if (method === 'DELETE') {
      await vm.halt();
      this.vms.delete(id);
      this.#drives.delete(id);
      return { status: 204 };
    }
    if (action === 'stop') await vm.halt();
    if (action === 'reboot' || (action === 'start' && !vm.isRunning)) await this.#boot(id, vm);
    if (action === 'eject-config-drive') {
      vm.drive = null;
      this.#drives.delete(id);
    }
    return { status: 200, answer: this.#describe(id) };
  }

  async #put(id: string, spec: unknown): Promise<void> {
    const known = this.vms.get(id);
    if (known?.isRunning === true) return;
    const vm = known ?? new SimulatedVm(spec);
    this.vms.set(id, vm);
    await this.#boot(id, vm);
  }

  async #boot(id: string, vm: SimulatedVm): Promise<void> {
    vm.drive = this.#drives.get(id) ?? null;
    await vm.boot(this.isBroken);
  }

  #describe(id: string): unknown {
    const vm = this.vms.get(id);
    const hasConfigDrive = this.#drives.has(id);
    const tail = this.isBroken ? { serialConsole: 'Kernel panic - not syncing: no init found\n' } : {};
    const state = vm?.isRunning === true ? 'Running' : 'Stopped';
    return { id, kind: 'router', state, agent: null, controlAddress: '169.254.20.7', hasConfigDrive, ...tail };
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
