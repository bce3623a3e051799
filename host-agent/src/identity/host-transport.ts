// Leads the streams of a migration, and those of consoles, to another host's agent, by mutual TLS with this host's own
// certificate.
import { chmod } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer, type Server, connect as tcpConnect } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { checkPeer } from '@isthmus/agent';
import {
  holderOfSubjectAltName,
  type MigrationDestination,
  type MigrationStream,
  migrationStreams,
} from '@isthmus/contract';
import type { Log } from '@isthmus/host';
import { join } from '../api/tunnel.ts';
import type { ConsolePeers } from '../consoles/consoles.ts';
import type { MigrationSockets, MigrationTransport, OpenStreams } from '../drivers/libvirt/migration.ts';
import { HostAgentError } from '../errors.ts';
import type { HostIdentity } from './host-identity.ts';

const connectWithinMs = 10_000;

export class HostTransport implements MigrationTransport, ConsolePeers {
  readonly #log: Log;
  readonly #identity: () => HostIdentity | null;
  readonly #listens: boolean;

  /** `identity`: who this host is at the time; null where it has no certificate. `listens`: to other hosts. */
  constructor(log: Log, identity: () => HostIdentity | null, listens = true) {
    this.#log = log;
    this.#identity = identity;
    this.#listens = listens;
  }

  fault(direction: 'dials' | 'serves'): string | null {
    if (direction === 'serves' && !this.#listens) {
      return 'no other host can come to this one, which listens on a Unix socket alone: expected --listen';
    }
    if (this.#identity() !== null) return null;
    return 'expected this host to have a certificate of its own (POST /v1/certificate/request, PUT /v1/certificate)';
  }

  async openConsole(destination: MigrationDestination, id: string, secret: string): Promise<Duplex> {
    const identity = this.#identity();
    if (identity === null) throw new HostAgentError('conflict', `console ${id}: ${this.fault('dials')}`);
    try {
      const headers = { authorization: `Bearer ${secret}` };
      return await openStream(identity, destination, `/v1/consoles/${id}/stream`, headers);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#log.warn('a console of another host cannot be reached', { id, host: destination.hostId, error });
      const message = `console ${id}: host ${destination.hostId} does not lead to it: ${detail}`;
      throw new HostAgentError('failed', message, { cause: error, detail });
    }
  }

  async open(destination: MigrationDestination, id: string, sockets: MigrationSockets): Promise<OpenStreams> {
    const identity = this.#identity();
    if (identity === null) {
      throw new HostAgentError(
        'conflict',
        `instance ${id}: expected a host that has joined by token (--listen, --join)`,
      );
    }
    const open = new Set<Duplex>();
    const servers: Server[] = [];
    let fault: Error | null = null;
    const lead = async (near: Duplex, stream: MigrationStream) => {
      open.add(near);
      near.on('error', () => near.destroy());
      near.once('close', () => open.delete(near));
      try {
        const far = await openStream(identity, destination, `/v1/incoming/${id}/streams/${stream}`);
        if (near.destroyed) far.destroy();
        else join(near, far);
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        const message = `instance ${id}: host ${destination.hostId} does not take its stream ${stream}`;
        fault ??= new HostAgentError('failed', `${message}: ${detail}`, { cause: error, detail });
        this.#log.warn('a stream of a migration did not reach its host', { id, stream, error });
        near.destroy();
      }
    };
    const close = async () => {
      for (const server of servers) server.close();
      for (const near of open) near.destroy();
    };
    try {
      for (const stream of migrationStreams) {
        const server = createServer({ allowHalfOpen: true }, (near) => void lead(near, stream));
        servers.push(server);
        await listen(server, sockets[stream]);
      }
    } catch (error) {
      await close();
      throw error;
    }
    return { fault: () => fault, close };
  }
}

/** Root alone may connect. */
async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
}

async function openStream(
  identity: HostIdentity,
  to: MigrationDestination,
  path: string,
  more: Readonly<Record<string, string>> = {},
): Promise<TLSSocket> {
  const connection = await secured(identity, to);
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'isthmus-tunnel', ...more };
    const call = request({ host: 'host', path, headers, createConnection: () => connection });
    const late = () => call.destroy(new Error(`no answer within ${connectWithinMs} ms`));
    const timer = setTimeout(late, connectWithinMs);
    call.on('close', () => clearTimeout(timer));
    call.on('error', reject);
    call.on('upgrade', (_response, _stream, head) => {
      clearTimeout(timer);
      if (head.length > 0) connection.unshift(head);
      resolve(connection);
    });
    call.on('response', (response) => {
      connection.destroy();
      reject(new Error(`it answered ${response.statusCode}`));
    });
    call.end();
  });
}

/** A connection to exactly that host. */
function secured({ installation, privateKey, grant }: HostIdentity, to: MigrationDestination): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const plain = tcpConnect({ host: to.address, port: to.port, allowHalfOpen: true, noDelay: true, keepAlive: true });
    const socket = tlsConnect({
      socket: plain,
      key: privateKey,
      cert: grant.certificate,
      ca: [...grant.authorities],
      minVersion: 'TLSv1.3',
      // Its certificate names a host of the installation, not an address.
      checkServerIdentity: () => undefined,
    });
    const fail = (error: Error) => {
      clearTimeout(timer);
      // The other way round, with TLS over it, Node 24 crashes.
      socket.destroy();
      if (plain.connecting) plain.destroy();
      reject(error);
    };
    const closed = () => fail(new Error('it closed the connection at once'));
    const timer = setTimeout(() => fail(new Error(`no connection within ${connectWithinMs} ms`)), connectWithinMs);
    plain.once('error', fail);
    socket.once('error', fail);
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.off('close', closed);
      const peer = socket.getPeerX509Certificate();
      const expected = { installation, revoked: new Set(grant.revoked), now: new Date(), role: 'host' } as const;
      const reason = checkPeer(peer, expected);
      const shown = holderOfSubjectAltName(peer?.subjectAltName)?.id;
      if (reason !== null) fail(new Error(reason));
      else if (shown !== to.hostId) fail(new Error(`it is host ${shown}, expected ${to.hostId}`));
      else {
        for (const each of [plain, socket]) each.off('error', fail);
        plain.on('error', () => socket.destroy());
        socket.on('error', () => socket.destroy());
        resolve(socket);
      }
    });
  });
}
