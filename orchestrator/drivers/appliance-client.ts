// The client of the agent in an appliance's VM (contract/agent-api.ts): mutual TLS from here into the VM, through a tunnel
// of the host agent, which sees nothing of it.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type Acknowledgement,
  AcknowledgementSchema,
  type AgentStatus,
  AgentStatusSchema,
  type ApplianceState,
  ApplianceStateSchema,
  type BootReport,
  BootReportSchema,
  type CertificateGrant,
  type CertificateRequest,
  CertificateRequestSchema,
  type ConsoleProxyPush,
  type OperationAnswer,
  type OperationName,
  type OperationRequest,
  type Push,
  type Revocations,
  type Update,
  type UpdateReport,
  UpdateReportSchema,
  validator,
} from '@isthmus/contract';
import { WebSocket } from 'ws';
import { ControlAgent, secureTo } from './control-connection.ts';
import type { ControlIdentity } from './control-identity.ts';
import { ApplianceUnreachableError, HostRefusedError, HostUnreachableError, PushRefusedError } from './errors.ts';
import { answerOf, type Call, exchange } from './exchange.ts';
import { operationAnswer, operationTimeoutMs } from './operations.ts';

const checks = {
  acknowledgement: validator(AcknowledgementSchema),
  status: validator(AgentStatusSchema),
  state: validator(ApplianceStateSchema),
  boot: validator(BootReportSchema),
  request: validator(CertificateRequestSchema),
  update: validator(UpdateReportSchema),
};

const callTimeoutMs = 10_000;
/** A full push of thousands of rules, in a VM under emulation. */
const pushTimeoutMs = 180_000;
/** Megabytes into a VM under emulation, which hashes them. */
const updateTimeoutMs = 120_000;
/** Of a WebSocket, once its connection is there. */
const channelTimeoutMs = 5_000;
/** A message on a WebSocket: the report of a console proxy with 100,000 sessions. */
const mostMessageBytes = 32 * 1024 * 1024;
/** A call that takes longer has the VM looked at, this often. */
const lookEveryMs = 2_000;
/** This many looks in a row without a connection: the VM is dead. */
const mostFailedLooks = 2;

export interface ApplianceClientOptions {
  /** UUID of the appliance, which its certificate names. */
  readonly id: string;
  readonly identity: ControlIdentity;
  /** A connection to the agent's port: HostClient.openTunnel. */
  readonly openTunnel: () => Promise<Duplex>;
}

/**
 * One appliance. Calls throw HostUnreachableError, ApplianceUnreachableError (also where it shows another certificate
 * than its own) or HostRefusedError; `push` and `putDocument` also PushRefusedError.
 */
export class ApplianceClient {
  readonly #id: string;
  readonly #openTunnel: () => Promise<Duplex>;
  readonly #secured: () => Promise<Duplex>;
  readonly #agent: ControlAgent;

  constructor({ id, identity, openTunnel }: ApplianceClientOptions) {
    this.#id = id;
    this.#openTunnel = openTunnel;
    this.#secured = async () => secureTo(await this.#tunnel(), identity, { role: 'appliance', id });
    this.#agent = new ControlAgent(this.#secured, identity, { maxSockets: 4 });
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

  status(): Promise<AgentStatus> {
    return this.#call({ method: 'GET', path: '/v1/status', timeoutMs: callTimeoutMs }, checks.status);
  }

  push(push: Push): Promise<Acknowledgement> {
    const call: Call = { method: 'POST', path: '/v1/push', body: push, timeoutMs: pushTimeoutMs };
    return this.#call(call, checks.acknowledgement);
  }

  /** The whole document of a console proxy. */
  putDocument(push: ConsoleProxyPush): Promise<Acknowledgement> {
    const call: Call = { method: 'PUT', path: '/v1/document', body: push, timeoutMs: callTimeoutMs };
    return this.#call(call, checks.acknowledgement);
  }

  async operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationAnswer<Name>> {
    const path = `/v1/operations/${name}`;
    const call: Call = { method: 'POST', path, body: request, timeoutMs: operationTimeoutMs };
    return (await this.#call(call, operationAnswer(name))) as OperationAnswer<Name>;
  }

  exportState(): Promise<ApplianceState> {
    return this.#call({ method: 'GET', path: '/v1/state', timeoutMs: callTimeoutMs }, checks.state);
  }

  async importState(state: ApplianceState): Promise<void> {
    await this.#call({ method: 'PUT', path: '/v1/state', body: state, timeoutMs: callTimeoutMs }, null);
  }

  bootReport(): Promise<BootReport> {
    return this.#call({ method: 'GET', path: '/v1/boot', timeoutMs: callTimeoutMs }, checks.boot);
  }

  /** What agent runs there, and what became of the last update. */
  updateReport(): Promise<UpdateReport> {
    return this.#call({ method: 'GET', path: '/v1/update', timeoutMs: callTimeoutMs }, checks.update);
  }

  /** Gives it a newer agent, with which it starts again. */
  async putUpdate(update: Update): Promise<void> {
    await this.#call({ method: 'PUT', path: '/v1/update', body: update, timeoutMs: updateTimeoutMs }, null);
  }

  certificateRequest(): Promise<CertificateRequest> {
    const path = '/v1/certificate/request';
    return this.#call({ method: 'POST', path, timeoutMs: callTimeoutMs }, checks.request);
  }

  async putCertificate(grant: CertificateGrant): Promise<void> {
    await this.#call({ method: 'PUT', path: '/v1/certificate', body: grant, timeoutMs: callTimeoutMs }, null);
  }

  async putRevocations(revocations: Revocations): Promise<void> {
    await this.#call({ method: 'PUT', path: '/v1/revocations', body: revocations, timeoutMs: callTimeoutMs }, null);
  }

  /** A WebSocket to the agent on a connection of its own, open. It goes on when the client is closed. */
  async openChannel(path: string): Promise<WebSocket> {
    const connection = await this.#secured().catch((error: unknown) => {
      throw this.#failure(error);
    });
    const socket = new WebSocket(`ws://control${path}`, {
      createConnection: () => connection as Socket,
      handshakeTimeout: channelTimeoutMs,
      maxPayload: mostMessageBytes,
      perMessageDeflate: false,
    });
    // Messages may come with the answer to the handshake: they wait until somebody listens.
    socket.pause();
    return new Promise((resolve, reject) => {
      socket.once('open', () => {
        socket.removeAllListeners('error');
        resolve(socket);
      });
      socket.once('error', (error) => {
        connection.destroy();
        reject(this.#failure(error));
      });
    });
  }

  async #call<Body>(call: Call, check: { check(value: unknown): value is Body } | null): Promise<Body> {
    const watch = this.#watch();
    try {
      const answer = await exchange(this.#agent, { ...call, signal: watch.signal });
      return answerOf(`the agent of appliance ${this.#id}`, call, answer, check);
    } catch (error) {
      throw this.#failure(error);
    } finally {
      watch.stop();
    }
  }

  /** A host agent that answers, and cannot reach the VM, is not what fails. */
  async #tunnel(): Promise<Duplex> {
    try {
      return await this.#openTunnel();
    } catch (error) {
      throw error instanceof HostRefusedError ? new ApplianceUnreachableError(this.#id, error) : error;
    }
  }

  #failure(error: unknown): unknown {
    const known = [ApplianceUnreachableError, HostUnreachableError, HostRefusedError, PushRefusedError];
    return known.some((kind) => error instanceof kind) ? error : new ApplianceUnreachableError(this.#id, error);
  }

  /**
   * Looks while a call waits whether the VM is there at all: its kernel takes a new connection also while its agent is
   * busy, where nothing tells of a peer that was killed.
   */
  #watch(): { signal: AbortSignal; stop: () => void } {
    const dead = new AbortController();
    const ended = new AbortController();
    const look = async (): Promise<void> => {
      for (let failed = 0; failed < mostFailedLooks; ) {
        await pause(lookEveryMs, ended.signal);
        if (ended.signal.aborted) return;
        failed = (await this.#isThere()) ? 0 : failed + 1;
      }
      dead.abort(new Error('its virtual machine takes no connection any more'));
    };
    look().catch((error: unknown) => dead.abort(error));
    return { signal: dead.signal, stop: () => ended.abort() };
  }

  async #isThere(): Promise<boolean> {
    try {
      (await this.#openTunnel()).destroy();
      return true;
    } catch {
      return false;
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    timer.unref();
    signal.addEventListener('abort', end);
  });
}
