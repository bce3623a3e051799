// Commands of the runtime API (HAProxy's management guide, 9.3), each as text, and what of their answers is read.
import { InvalidValueError, type Ipv4Address } from '@isthmus/net';
import { type ServerConfig, serverOptions } from './server.ts';
import type { ConfigPath, ProxyName } from './values.ts';

/** One command. `payload`: text that goes with it, without an empty line. */
export interface RuntimeCommand {
  readonly text: string;
  readonly payload?: string;
}

/**
 * The only writer of commands. `;`, blanks and line breaks part commands and words; no word of these holds one, and a
 * cast past the types ends here. Throws InvalidValueError.
 */
function command(...words: readonly (string | number)[]): RuntimeCommand {
  for (const word of words) {
    if (!/^[A-Za-z0-9._:/!@-]+$/.test(String(word))) {
      throw new InvalidValueError(word, 'letters, digits, dots, underscores, colons, slashes and hyphens');
    }
  }
  return { text: words.join(' ') };
}

/** A server by the name of its proxy and its own. */
export interface ServerRef {
  readonly proxy: ProxyName;
  readonly server: ProxyName;
}

function nameOf({ proxy, server }: ServerRef): string {
  return `${proxy}/${server}`;
}

/** Text of the answer to `addServer` that went well. */
export const serverAdded = 'New server registered.';
/** Text of the answer to `deleteServer` that went well. */
export const serverDeleted = 'Server deleted.';

/** The commands of the runtime API that Isthmus uses. Most answer with nothing where they went well. */
export const runtime = {
  /** It comes in maintenance, its check disabled, and without a cookie. */
  addServer: (proxy: ProxyName, server: ServerConfig) =>
    command(
      'add',
      'server',
      nameOf({ proxy, server: server.name }),
      `${server.address}:${server.port}`,
      ...serverOptions(server),
    ),
  /** Refused unless it is in maintenance and has no connection. */
  deleteServer: (server: ServerRef) => command('del', 'server', nameOf(server)),
  enableHealth: (server: ServerRef) => command('enable', 'health', nameOf(server)),
  setState: (server: ServerRef, state: 'ready' | 'maint') => command('set', 'server', nameOf(server), 'state', state),
  setWeight: (server: ServerRef, weight: number) => command('set', 'server', nameOf(server), 'weight', weight),
  setAddress: (server: ServerRef, address: Ipv4Address, port: number) =>
    command('set', 'server', nameOf(server), 'addr', address, 'port', port),
  shutdownSessions: (server: ServerRef) => command('shutdown', 'sessions', 'server', nameOf(server)),
  /** Computes the cookies of all servers of a proxy. */
  enableDynamicCookie: (proxy: ProxyName) => command('enable', 'dynamic-cookie', 'backend', proxy),
  /** `pem`: certificate, chain and key. Serves only after `commitCertificate`. */
  setCertificate: (path: ConfigPath, pem: string): RuntimeCommand => {
    const payload = pem.split('\n').filter((line) => line !== '');
    if (!payload.every((line) => /^[A-Za-z0-9+/= :-]+$/.test(line))) {
      throw new InvalidValueError(path, 'a certificate and key in PEM');
    }
    return { ...command('set', 'ssl', 'cert', path), payload: `${payload.join('\n')}\n` };
  },
  commitCertificate: (path: ConfigPath) => command('commit', 'ssl', 'cert', path),
  abortCertificate: (path: ConfigPath) => command('abort', 'ssl', 'cert', path),
  showInfo: () => command('show', 'info'),
  showStatistics: () => command('show', 'stat'),
  showServersState: () => command('show', 'servers', 'state'),
  /** Of the master only. */
  showProcesses: () => command('show', 'proc'),
} as const;

/** The text to send for a command to one worker, by way of the master's socket. */
export function toWorker(pid: number, { text, payload }: RuntimeCommand): string {
  return payload === undefined ? `@!${pid} ${text}\n` : `@!${pid} ${text} <<\n${payload}\n`;
}

/** The processes of a master: `worker` serves, `former` finish their connections. `failedReloads` since the last that went well. */
export interface Processes {
  readonly master: number;
  readonly reloads: number;
  readonly failedReloads: number;
  readonly worker: number | null;
  readonly former: readonly number[];
}

/** Reads the answer to `show proc`. Throws InvalidValueError. */
export function parseProcesses(text: string): Processes {
  const [current = '', old = ''] = text.split('# old workers');
  const master = /^(\d+) +master +(\d+) \[failed: (\d+)\]/m.exec(current);
  if (master === null) throw new InvalidValueError(text, 'the answer to "show proc"');
  const workers = (part: string) => [...part.matchAll(/^(\d+) +worker /gm)].map(([, pid]) => Number(pid));
  return {
    master: Number(master[1]),
    reloads: Number(master[2]),
    failedReloads: Number(master[3]),
    worker: workers(current)[0] ?? null,
    former: workers(old),
  };
}
