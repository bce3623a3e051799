// The client of a host agent (contract/host-api.ts): HTTP over its Unix socket, or over mutual TLS.
import { request } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import {
  type Acknowledgement,
  AcknowledgementSchema,
  type AgentStatus,
  AgentStatusSchema,
  type ApplianceReport,
  ApplianceReportSchema,
  type ApplianceSpec,
  type ApplianceState,
  ApplianceStateSchema,
  type Bootstrap,
  type CachedImages,
  CachedImagesSchema,
  type CertificateGrant,
  type CertificateRequest,
  CertificateRequestSchema,
  type ConsoleGrant,
  type ConsoleGranted,
  ConsoleGrantedSchema,
  type HostReport,
  HostReportSchema,
  type Incoming,
  type InstanceReport,
  InstanceReportSchema,
  type InstanceSpec,
  type Migration,
  type Nic,
  type OperationAnswer,
  type OperationName,
  type OperationRequest,
  type Ports,
  type Push,
  type Revocations,
  type Tunnels,
  validator,
} from '@isthmus/contract';
import * as Type from 'typebox';
import { ControlAgent, connectPlain, secureTo } from './control-connection.ts';
import type { ControlIdentity } from './control-identity.ts';
import { HostRefusedError, HostUnreachableError } from './errors.ts';
import { answerOf, type Call, exchange, type Method } from './exchange.ts';
import { operationAnswer, operationTimeoutMs } from './operations.ts';

export { HostRefusedError, HostUnreachableError, PushRefusedError } from './errors.ts';

const checks = {
  host: validator(HostReportSchema),
  appliance: validator(ApplianceReportSchema),
  appliances: validator(Type.Array(ApplianceReportSchema)),
  instance: validator(InstanceReportSchema),
  instances: validator(Type.Array(InstanceReportSchema)),
  acknowledgement: validator(AcknowledgementSchema),
  granted: validator(ConsoleGrantedSchema),
  images: validator(CachedImagesSchema),
  request: validator(CertificateRequestSchema),
  state: validator(ApplianceStateSchema),
  status: validator(AgentStatusSchema),
};

/** State that a new router takes over from the one it replaces, by service, such as the leases of dnsmasq. */
export type PortableState = ApplianceState;

/** Most of a call: a VM under emulation takes its time to stop. */
const callTimeoutMs = 60_000;
/** GET /v1/host: whoever asks wants to know whether the host is there. */
const reportTimeoutMs = 10_000;
/** An image, over a slow line. */
const imageTimeoutMs = 30 * 60_000;
/** A running VM with its disk. */
const migrationTimeoutMs = 30 * 60_000;
/** The host agent itself gives up on the VM after 5 s. */
const tunnelTimeoutMs = 8_000;
/** A person waits for it. */
const grantTimeoutMs = 8_000;

/** Who a host agent at an `https:` URL must be, and who asks. */
export interface HostPeer {
  /** UUID of the host's row, which its certificate names. */
  readonly hostId: string;
  readonly identity: ControlIdentity;
}

const urlPattern = /^https:\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/;

/** Host and port of a host agent's `https:` URL. Throws HostRefusedError where the URL is none. */
export function parseHostUrl(url: string): { host: string; port: number } {
  const [, host, port] = urlPattern.exec(url) ?? [];
  if (host === undefined || !(Number(port) > 0 && Number(port) < 65_536)) {
    throw new HostRefusedError(
      `${JSON.stringify(url)} is not a host agent's URL: expected unix:/PATH/OF/SOCKET or https://ADDRESS:PORT`,
      false,
    );
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function opener(url: string, peer: HostPeer | undefined): () => Promise<Duplex> {
  if (/^unix:\/[^\0]{1,106}$/.test(url)) {
    const path = url.slice('unix:'.length);
    return () => connectPlain({ path });
  }
  const address = parseHostUrl(url);
  if (peer === undefined)
    throw new HostRefusedError(`${url}: expected unix:/PATH/OF/SOCKET, or a host that has joined`, false);
  return async () => secureTo(await connectPlain(address), peer.identity, { role: 'host', id: peer.hostId });
}

/** One host agent. Every call throws HostUnreachableError or HostRefusedError; `push` also PushRefusedError. */
export class HostClient {
  readonly #url: string;
  readonly #open: () => Promise<Duplex>;
  readonly #agent: ControlAgent;

  /**
   * `url` is `unix:` and the absolute path of the socket, or `https://ADDRESS:PORT` of the host `peer`. Throws
   * HostRefusedError on any other.
   */
  constructor(url: string, peer?: HostPeer) {
    this.#url = url;
    this.#open = opener(url, peer);
    this.#agent = new ControlAgent(this.#open, url.startsWith('https:') ? (peer?.identity ?? null) : null);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Serial number of the certificate that the peer of the newest connection showed; null before, and over a Unix socket. */
  shownSerialNumber(): string | null {
    return this.#agent.shownSerialNumber;
  }

  /** The next call makes a new connection, on which the peer shows its newest certificate. */
  renewConnections(): void {
    this.#agent.retire();
  }

  report(): Promise<HostReport> {
    return this.#call('GET', '/v1/host', checks.host, { timeoutMs: reportTimeoutMs });
  }

  appliances(): Promise<ApplianceReport[]> {
    return this.#call('GET', '/v1/appliances', checks.appliances);
  }

  /** Null where the host has no such appliance. */
  appliance(id: string): Promise<ApplianceReport | null> {
    return this.#unlessAbsent(this.#call('GET', `/v1/appliances/${id}`, checks.appliance));
  }

  instances(): Promise<InstanceReport[]> {
    return this.#call('GET', '/v1/instances', checks.instances);
  }

  putAppliance(id: string, spec: ApplianceSpec): Promise<ApplianceReport> {
    return this.#call('PUT', `/v1/appliances/${id}`, checks.appliance, { body: spec });
  }

  powerAppliance(id: string, action: 'start' | 'stop' | 'reboot'): Promise<unknown> {
    return this.#call('POST', `/v1/appliances/${id}/${action}`, null);
  }

  async deleteAppliance(id: string): Promise<void> {
    await this.#unlessAbsent(this.#call('DELETE', `/v1/appliances/${id}`, null));
  }

  /** The identity and first document of a VM, for its next start. */
  putConfigDrive(id: string, bootstrap: Bootstrap): Promise<unknown> {
    return this.#call('PUT', `/v1/appliances/${id}/config-drive`, null, { body: bootstrap });
  }

  /** Takes the config drive out and removes its file, which holds the private key. */
  ejectConfigDrive(id: string): Promise<unknown> {
    return this.#call('POST', `/v1/appliances/${id}/eject-config-drive`, null);
  }

  /** What the agent of a namespace router says of itself. */
  applianceStatus(id: string): Promise<AgentStatus> {
    return this.#call('GET', `/v1/appliances/${id}/status`, checks.status);
  }

  /** A push to the agent of a namespace router. */
  push(id: string, push: Push): Promise<Acknowledgement> {
    return this.#call('POST', `/v1/appliances/${id}/push`, checks.acknowledgement, { body: push });
  }

  /** An operation of the agent of a namespace router. */
  async operate<Name extends OperationName>(
    id: string,
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationAnswer<Name>> {
    const path = `/v1/appliances/${id}/operations/${name}`;
    const options = { body: request, timeoutMs: operationTimeoutMs };
    return (await this.#call('POST', path, operationAnswer(name), options)) as OperationAnswer<Name>;
  }

  /** Lights or darkens the ports of an appliance. */
  putPorts(id: string, ports: Ports): Promise<unknown> {
    return this.#call('PUT', `/v1/appliances/${id}/ports`, null, { body: ports });
  }

  exportState(id: string): Promise<PortableState> {
    return this.#call('GET', `/v1/appliances/${id}/state`, checks.state);
  }

  importState(id: string, state: PortableState): Promise<unknown> {
    return this.#call('PUT', `/v1/appliances/${id}/state`, null, { body: state });
  }

  putInstance(id: string, spec: InstanceSpec): Promise<InstanceReport> {
    return this.#call('PUT', `/v1/instances/${id}`, checks.instance, { body: spec });
  }

  powerInstance(id: string, action: 'start' | 'stop' | 'reboot'): Promise<unknown> {
    return this.#call('POST', `/v1/instances/${id}/${action}`, null);
  }

  async deleteInstance(id: string): Promise<void> {
    await this.#unlessAbsent(this.#call('DELETE', `/v1/instances/${id}`, null));
  }

  /** Prepares the host for an instance that another is about to move there, and lets that one open its streams. */
  announceInstance(id: string, incoming: Incoming): Promise<unknown> {
    return this.#call('PUT', `/v1/incoming/${id}`, null, { body: incoming });
  }

  /** Ends an announcement: the host has the instance where it runs there by then, else nothing of it. */
  concludeMigration(id: string): Promise<unknown> {
    return this.#call('DELETE', `/v1/incoming/${id}`, null);
  }

  /** Moves a running instance and its disk to another host, to which it was announced. */
  migrateInstance(id: string, migration: Migration): Promise<unknown> {
    const options = { body: migration, timeoutMs: migrationTimeoutMs };
    return this.#call('POST', `/v1/instances/${id}/migrate`, null, options);
  }

  /** Plugs a NIC into what runs. */
  putNic(kind: 'appliances' | 'instances', id: string, nic: Nic): Promise<unknown> {
    return this.#call('PUT', `/v1/${kind}/${id}/nics/${nic.name}`, null, { body: nic });
  }

  async deleteNic(kind: 'appliances' | 'instances', id: string, name: string): Promise<void> {
    await this.#unlessAbsent(this.#call('DELETE', `/v1/${kind}/${id}/nics/${name}`, null));
  }

  async deleteSegment(id: string): Promise<void> {
    await this.#unlessAbsent(this.#call('DELETE', `/v1/segments/${id}`, null));
  }

  images(): Promise<CachedImages> {
    return this.#call('GET', '/v1/images', checks.images);
  }

  /** Sends a file of `length` bytes to the image cache, which checks it against `sha256`. */
  putImage(sha256: string, source: Readable, length: number): Promise<unknown> {
    const options = { bytes: { source, length }, timeoutMs: imageTimeoutMs };
    return this.#call('PUT', `/v1/images/${sha256}`, null, options);
  }

  putTunnels(tunnels: Tunnels): Promise<unknown> {
    return this.#call('PUT', '/v1/tunnels', null, { body: tunnels });
  }

  /** Lets a console proxy, or the host that leads it here, open the console of a machine once. Replaces the session's grant. */
  grantConsole(sessionId: string, grant: ConsoleGrant): Promise<ConsoleGranted> {
    const options = { body: grant, timeoutMs: grantTimeoutMs };
    return this.#call('PUT', `/v1/consoles/${sessionId}`, checks.granted, options);
  }

  /** Ends a grant, and the stream that is open by it. */
  async revokeConsole(sessionId: string): Promise<void> {
    await this.#unlessAbsent(this.#call('DELETE', `/v1/consoles/${sessionId}`, null));
  }

  certificateRequest(): Promise<CertificateRequest> {
    return this.#call('POST', '/v1/certificate/request', checks.request);
  }

  putCertificate(grant: CertificateGrant): Promise<unknown> {
    return this.#call('PUT', '/v1/certificate', null, { body: grant });
  }

  putRevocations(revocations: Revocations): Promise<unknown> {
    return this.#call('PUT', '/v1/revocations', null, { body: revocations });
  }

  /** A connection to the agent in a VM, whose bytes the host agent carries unread. */
  async openTunnel(applianceId: string): Promise<Duplex> {
    const path = `/v1/appliances/${applianceId}/agent`;
    const connection = await this.#open().catch((cause: unknown) => {
      throw new HostUnreachableError(this.#url, cause);
    });
    return new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'isthmus-tunnel' };
      const call = request({ host: 'control', path, headers, createConnection: () => connection });
      const timer = setTimeout(
        () => call.destroy(new Error(`no tunnel within ${tunnelTimeoutMs / 1000} s`)),
        tunnelTimeoutMs,
      );
      call.on('close', () => clearTimeout(timer));
      call.on('error', (cause) => reject(new HostUnreachableError(this.#url, cause)));
      call.on('upgrade', (_response, stream, head) => {
        clearTimeout(timer);
        if (head.length > 0) stream.unshift(head);
        resolve(stream);
      });
      call.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          connection.destroy();
          const answer = { status: response.statusCode ?? 500, text: Buffer.concat(chunks).toString('utf8') };
          // A 2xx is no tunnel either.
          const status = answer.status < 300 ? 500 : answer.status;
          try {
            reject(answerOf(this.#who, { method: 'GET', path }, { ...answer, status }, null));
          } catch (error) {
            reject(error);
          }
        });
      });
      call.end();
    });
  }

  get #who(): string {
    return `the host agent at ${this.#url}`;
  }

  /** What is not there is gone already: null. */
  async #unlessAbsent<Result>(call: Promise<Result>): Promise<Result | null> {
    try {
      return await call;
    } catch (error) {
      if (error instanceof HostRefusedError && error.notFound) return null;
      throw error;
    }
  }

  async #call<Answer>(
    method: Method,
    path: string,
    check: { check(value: unknown): value is Answer } | null,
    options: Partial<Pick<Call, 'body' | 'bytes' | 'timeoutMs'>> = {},
  ): Promise<Answer> {
    const call: Call = { method, path, timeoutMs: callTimeoutMs, ...options };
    const answer = await exchange(this.#agent, call).catch((cause: unknown) => {
      throw new HostUnreachableError(this.#url, cause);
    });
    return answerOf(this.#who, call, answer, check);
  }
}
