// The document of a console proxy, out of its rows, settings and certificate. Pure.
import type { ConsoleProxyDocument } from '@isthmus/contract';
import { type Ipv4Address, prefixLengthOfNetmask } from '@isthmus/net';

/** What the document is made of. */
export interface ConsoleProxyRows {
  readonly address: Ipv4Address;
  readonly gateway: Ipv4Address;
  readonly netmask: Ipv4Address;
  readonly port: number;
  readonly tls: ConsoleProxyDocument['tls'];
  /** At least one. */
  readonly origins: readonly string[];
  /** Settings: sessions of one proxy, seconds. */
  readonly sessions: number;
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
  readonly draining: boolean;
}

/** Connections without a session: many people behind one address open their consoles at once, a flood is more than that. */
const pending = { pending: 1000, pendingPerAddress: 50, handshakeSeconds: 10 } as const;
const pingSeconds = 20;
/** What the contract takes. */
const mostOrigins = 32;

export function consoleProxyDocument(rows: ConsoleProxyRows): ConsoleProxyDocument {
  return {
    publicAddress: rows.address,
    prefixLength: prefixLengthOfNetmask(rows.netmask),
    gateway: rows.gateway,
    port: rows.port,
    tls: rows.tls,
    origins: rows.origins.slice(0, mostOrigins),
    limits: {
      sessions: rows.sessions,
      ...pending,
      idleSeconds: rows.idleSeconds,
      absoluteSeconds: rows.absoluteSeconds,
      pingSeconds,
    },
    draining: rows.draining,
  };
}
