// Consoles that people open: tickets, channels to the console proxies, and what ends a session.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OrchestratorMessage, ProxyMessage } from '@isthmus/contract';
import type { ConsoleSessionOrchestration } from '../../model/console-orchestration.ts';
import { hearNotices } from '../../store/notices.ts';
import type { Parts } from '../parts.ts';
import { consoleNotices, tellChange } from './changes.ts';
import { ConsoleChannels } from './channels.ts';
import { choose } from './choose.ts';
import type { ConsoleParts } from './console-parts.ts';
import { createConsoleEndpoint } from './endpoint.ts';
import { expireSessions } from './expire.ts';
import { revokeMissedEnds } from './missed-ends.ts';
import { type AskingProxy, redeem } from './redeem.ts';
import { ended, heed } from './report.ts';
import { resumeConsole } from './resume.ts';

/** The machinery of consoles, running. */
export interface Consoles {
  readonly orchestration: ConsoleSessionOrchestration;
  /** Ends the channels; sessions go on. */
  stop(): Promise<void>;
}

export interface ConsoleOptions {
  /** For the connection that hears of changes. */
  readonly databaseUrl: string;
  /** Names this orchestrator. */
  readonly holder: string;
  /** Milliseconds between two rounds. Default 1,000. */
  readonly everyMs?: number;
}

/** Path of the channel at a console proxy's agent. */
const channelPath = '/v1/console/channel';

/** Starts it. */
export function startConsoles(
  parts: Pick<Parts, 'db' | 'log' | 'hosts' | 'agents' | 'setting' | 'sealer'>,
  { databaseUrl, holder, everyMs = 1_000 }: ConsoleOptions,
): Consoles {
  const { db, log, hosts, setting, sealer } = parts;
  const ending = new AbortController();
  const channels = new ConsoleChannels({
    log,
    open: (proxy) => parts.agents.inside(proxy).openChannel(channelPath),
    heed: (proxyId, message) => answer(consoles, proxyId, message),
  });
  const consoles: ConsoleParts = { db, log, hosts, setting, sealer, holder, isReached: (id) => channels.isOpen(id) };
  const notices = hearNotices({
    url: databaseUrl,
    channel: consoleNotices,
    log,
    onHearing: () => void revokeMissedEnds(consoles),
    onNotice: (payload) => {
      tellChange(consoles, payload, (proxyId, message) => channels.send(proxyId, message)).catch((error: unknown) => {
        log.warn('a change of a console is told by the next report', { error: String(error) });
      });
    },
  });
  const rounds = runRounds(consoles, channels, everyMs, ending.signal);
  return {
    orchestration: {
      createConsoleEndpoint: (request) => createConsoleEndpoint(consoles, request),
      resumeConsole: (resumption) => resumeConsole(consoles, resumption),
    },
    stop: async () => {
      ending.abort();
      await rounds;
      channels.close();
      await notices.close();
    },
  };
}

async function runRounds(
  consoles: ConsoleParts,
  channels: ConsoleChannels,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const proxies = await consoles.db
        .selectFrom('system_vm')
        .select(['id', 'host_id'])
        .where('type', '=', 'consoleproxy')
        .where('state', '=', 'Running')
        .where('host_id', 'is not', null)
        .execute();
      channels.keep(proxies);
      await expireSessions(consoles);
    } catch (error) {
      consoles.log.warn('a round of the consoles failed', { error: String(error) });
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

/** What a proxy is told because of a message of its. */
async function answer(
  consoles: ConsoleParts,
  proxyId: string,
  message: ProxyMessage,
): Promise<readonly OrchestratorMessage[]> {
  if (message.kind === 'report') return heed(consoles, proxyId, message);
  if (message.kind === 'ended') {
    await ended(consoles, proxyId, message);
    return [];
  }
  const proxy = await askingProxy(consoles, proxyId);
  if (proxy === undefined) return [];
  const decided = message.kind === 'redeem' ? redeem(consoles, proxy, message) : choose(consoles, proxy, message);
  return [{ kind: 'answer', id: message.id, answer: await decided }];
}

function askingProxy({ db }: ConsoleParts, id: string): Promise<AskingProxy | undefined> {
  return db
    .selectFrom('system_vm')
    .select(['id', 'zone_id', 'host_id', 'draining'])
    .where('id', '=', id)
    .where('state', '=', 'Running')
    .executeTakeFirst();
}
