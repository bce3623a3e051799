// The way to a console, opened for one proxy: at the machine's host, and at the proxy's own where that is another.
import type { ConsoleGrant, ConsoleTarget, RfbSecurity } from '@isthmus/contract';
import { parseHostUrl } from '../../drivers/host-client.ts';
import type { ConsoleParts, ConsoleSession } from './console-parts.ts';
import type { ConsoleMachine } from './machine.ts';
import { hashOf } from './secrets.ts';

/** The proxy may not have connected until then. */
const grantSeconds = 30;

export interface Granted {
  readonly target: ConsoleTarget;
  readonly security: RfbSecurity;
}

/** Whom the way is opened for. */
export interface GrantedProxy {
  readonly id: string;
  readonly host_id: string | null;
}

/** Replaces the grant that the session had by one for who shows `secret`. Throws what HostClient throws, and ApiError where hosts do not reach each other. */
export async function grantConsole(
  parts: Pick<ConsoleParts, 'db' | 'hosts'>,
  session: Pick<ConsoleSession, 'id' | 'console'>,
  machine: ConsoleMachine,
  proxy: GrantedProxy,
  secret: string,
): Promise<Granted> {
  const grant = { secretSha256: hashOf(secret), seconds: grantSeconds };
  const from: ConsoleGrant['from'] = {
    machine: machine.kind === 'instance' ? 'instance' : 'appliance',
    id: machine.id,
    console: session.console,
  };
  const isSameHost = machine.hostId === proxy.host_id;
  const to: ConsoleGrant['to'] = isSameHost ? { appliance: proxy.id } : { host: proxy.host_id ?? '' };
  const machineHost = await parts.hosts.client(machine.hostId);
  const granting = machineHost.grantConsole(session.id, { ...grant, to, from });
  const leading = isSameHost ? null : leadTo(parts, session.id, machine, proxy, grant);
  const [granted] = await Promise.all([granting, leading]);
  return {
    target: { kind: 'door', id: session.id, secret },
    security: granted.security ?? { types: ['None'] },
  };
}

async function leadTo(
  { db, hosts }: Pick<ConsoleParts, 'db' | 'hosts'>,
  sessionId: string,
  machine: ConsoleMachine,
  proxy: GrantedProxy,
  grant: Pick<ConsoleGrant, 'secretSha256' | 'seconds'>,
): Promise<void> {
  const proxyHost = await hosts.client(proxy.host_id);
  const { url } = await db.selectFrom('host').select('url').where('id', '=', machine.hostId).executeTakeFirstOrThrow();
  const { host: address, port } = parseHostUrl(url);
  const via = { hostId: machine.hostId ?? '', address, port };
  await proxyHost.grantConsole(sessionId, { ...grant, to: { appliance: proxy.id }, from: { via } });
}
