// Peers of the control path, small and real: TLS on loopback with certificates of a CA made for the test.
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CertificateHolder } from '@isthmus/contract';
import type { ControlIdentity } from '../drivers/control-identity.ts';
import { type Authority, createKeyPair, issueCertificate } from '../pki/authority.ts';

export const installation = 'ab12';
export const hostId = '11111111-1111-4111-8111-111111111111';
export const applianceId = '22222222-2222-4222-8222-222222222222';
export const otherApplianceId = '33333333-3333-4333-8333-333333333333';

const hour = 3_600_000;

/** A certificate and its key, for either end of a connection. */
export interface Held {
  readonly key: string;
  readonly cert: string;
  readonly serialNumber: string;
}

/** A certificate of a holder; `now` in the past makes it an expired one. */
export async function held(
  authority: Authority,
  holder: Pick<CertificateHolder, 'role' | 'id'> & { readonly installation?: string },
  now = new Date(),
): Promise<Held> {
  const keys = createKeyPair();
  const { certificate, serialNumber } = await issueCertificate(authority, {
    holder: { installation, ...holder },
    publicKey: keys.publicKey,
    lifetimeMs: hour,
    now,
  });
  return { key: keys.privateKey, cert: certificate, serialNumber };
}

/** An identity for clients, as an orchestrator has one. */
export function identityOf(
  mine: Held,
  authorities: readonly Authority[],
  revoked: ReadonlySet<string> = new Set(),
): ControlIdentity {
  return {
    installation,
    current: () => ({
      certificate: mine.cert,
      privateKey: mine.key,
      authorities: authorities.map(({ certificate }) => certificate),
    }),
    isRevoked: (serialNumber) => revoked.has(serialNumber),
  };
}

/** A server that listens. */
export interface Listening {
  readonly port: number;
  /** Connections that were made so far. */
  connections(): number;
  close(): Promise<void>;
}

async function listen(server: Server, to: { port: number; host: string } | { path: string }): Promise<Listening> {
  const open = new Set<Duplex>();
  let count = 0;
  server.on('connection', (socket: Socket) => {
    count += 1;
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(to, resolve));
  const address = server.address();
  return {
    port: typeof address === 'string' ? 0 : ((address as AddressInfo | null)?.port ?? 0),
    connections: () => count,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** An HTTPS server that wants a certificate of `authority` from its clients, and says who called in `listener`. */
export function listenTls(mine: Held, authority: Authority, listener: RequestListener): Promise<Listening> {
  const server = createHttpsServer(
    { key: mine.key, cert: mine.cert, ca: authority.certificate, requestCert: true, minVersion: 'TLSv1.3' },
    listener,
  );
  return listen(server, { port: 0, host: '127.0.0.1' });
}

/** The id in the path of a tunnel, `/v1/appliances/:id/agent`. */
export function applianceOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  return url.split('/')[3] ?? '';
}

/** Leads an upgrade to a port of this machine, as a host agent's tunnel does; null: refused, with `why`. */
export function carryTunnel(client: Duplex, port: number | null, why: string): void {
  client.on('error', () => client.destroy());
  if (port === null) {
    const body = JSON.stringify({ code: 'failed', message: why });
    client.end(`HTTP/1.1 500 Refused\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    return;
  }
  const remote = connect({ port, host: '127.0.0.1' }, () => {
    client.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: isthmus-tunnel\r\n\r\n');
    client.pipe(remote).pipe(client);
  });
  remote.on('error', () => client.destroy());
  client.on('close', () => remote.destroy());
}

/** A host agent that has nothing but tunnels, each to `portOf` the appliance; 0 is an appliance that cannot be reached. */
export function listenTunnels(path: string, portOf: (applianceId: string) => number): Promise<Listening> {
  const server = createHttpServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (request, client: Duplex) => {
    const port = portOf(applianceOf(request));
    carryTunnel(client, port === 0 ? null : port, 'its agent does not answer');
  });
  return listen(server, { path });
}
