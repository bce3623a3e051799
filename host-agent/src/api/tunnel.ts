// GET /v1/appliances/:id/agent with `Upgrade: isthmus-tunnel`: the bytes between the orchestrator and an appliance's agent,
// unread. It leads to the appliance's control address and the agent's port, and nowhere else.
import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { agentPort, type ControlNic, EntryIdSchema, validator } from '@isthmus/contract';
import { HostAgentError } from '../errors.ts';
import { answerOf, checked } from './check.ts';

const protocol = 'isthmus-tunnel';
const connectWithinMs = 5000;
const probeEveryMs = 30_000;
const idValidator = validator(EntryIdSchema);

/** Who knows where appliances are. Throws HostAgentError where one cannot be reached. */
export interface Reachable {
  controlNicOf(id: string): ControlNic;
}

/**
 * Answers every upgrade of a server; `admits` says of each whether its peer may. Answers with what ends the tunnels, to be
 * called before the server closes.
 */
export function serveTunnels(server: EventEmitter, agent: Reachable, admits: (client: Duplex) => boolean): () => void {
  const open = new Set<Duplex>();
  server.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    if (!admits(client)) return;
    open.add(client);
    client.once('close', () => open.delete(client));
    client.on('error', () => client.destroy());
    void tunnel(agent, request, client, head);
  });
  return () => {
    for (const client of open) client.destroy();
  };
}

async function tunnel(agent: Reachable, request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
  try {
    const id = applianceOf(request);
    const { address, gateway } = agent.controlNicOf(id);
    const remote = await reach(id, address, gateway);
    // The client may have gone in the meantime: its 'close' will not come again.
    if (client.destroyed) {
      remote.destroy();
      return;
    }
    join(client, remote);
    answerUpgrade(client);
    if (head.length > 0) remote.write(head);
  } catch (error) {
    refuse(client, error);
  }
}

function applianceOf(request: IncomingMessage): string {
  const { method, url = '', headers } = request;
  const [, id] = /^\/v1\/appliances\/([^/?]+)\/agent$/.exec(url) ?? [];
  if (id === undefined || method !== 'GET') {
    throw new HostAgentError('not-found', `${method} ${url}: expected a path of this API that takes an upgrade`);
  }
  requireUpgrade({ headers });
  return checked(idValidator, id, 'id');
}

/** Throws HostAgentError (`invalid`) unless raw bytes are asked for. */
export function requireUpgrade({ headers }: Pick<IncomingMessage, 'headers'>): void {
  if (headers.upgrade?.toLowerCase() === protocol) return;
  throw new HostAgentError('invalid', `upgrade ${JSON.stringify(headers.upgrade)}: expected ${protocol}`);
}

/** From here on the client's bytes are raw. */
export function answerUpgrade(client: Duplex): void {
  client.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
}

/** A connection to the agent of an appliance. Throws HostAgentError (`failed`). */
function reach(id: string, host: string, localAddress: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const remote = connect({ host, port: agentPort, localAddress, allowHalfOpen: true, noDelay: true });
    const fail = (detail: string, cause?: unknown) => {
      remote.destroy();
      const message = `appliance ${id}: its agent does not answer on ${host}:${agentPort}`;
      reject(new HostAgentError('failed', message, { cause, detail }));
    };
    const timer = setTimeout(() => fail(`no connection within ${connectWithinMs} ms`), connectWithinMs);
    remote.once('error', (error) => {
      clearTimeout(timer);
      fail(error.message, error);
    });
    remote.once('connect', () => {
      clearTimeout(timer);
      remote.removeAllListeners('error');
      remote.setKeepAlive(true, probeEveryMs);
      resolve(remote);
    });
  });
}

/** Each side's end is passed on to the other; an error of one ends both. */
export function join(client: Duplex, remote: Duplex): void {
  remote.on('error', () => client.destroy());
  remote.on('close', (hadError?: boolean) => {
    if (hadError === true) client.destroy();
  });
  client.on('error', () => remote.destroy());
  client.on('close', () => remote.destroy());
  client.pipe(remote);
  remote.pipe(client);
}

/** Answers an upgrade with a HostError, and ends the connection. */
export function refuse(client: Duplex, error: unknown): void {
  const { status, body } = answerOf(error);
  const text = JSON.stringify(body);
  const head = `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}`;
  client.end(`${head}\r\nConnection: close\r\n\r\n${text}`);
  // A peer that never ends its side must not hold the connection.
  client.resume();
  setTimeout(() => client.destroy(), 1000).unref();
}
