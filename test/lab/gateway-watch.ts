// Who answers for a gateway address, asked all the time: silence is an outage, and more answers than questions are two routers.
import type { Host } from '@isthmus/host';
import { waitFor } from './clients.ts';

/** What a watcher saw. Times in ms; `longestSilenceMs` also counts the time since the last answer. */
export interface GatewayReport {
  readonly questions: number;
  readonly answers: number;
  readonly longestSilenceMs: number;
  /** Answers that nobody had asked for any more, each with its hardware address. */
  readonly doubled: readonly string[];
}

/** Where the watcher stands: a namespace whose eth0 has these addresses, and whom it asks for. */
export interface WatchedGateway {
  readonly host: Host;
  readonly macAddress: string;
  readonly address: string;
  readonly gateway: string;
}

/** What a watcher does through its lab. */
export interface GatewayWatchLab {
  readonly machine: Host;
  startDaemon(
    host: Host,
    file: string,
    args: readonly string[],
  ): Promise<{ readonly pid: number; readonly logPath: string }>;
}

const everySeconds = '0.1';
const program = new URL('programs/ask-gateway.pl', import.meta.url).pathname;

/** An answer may take so long where the router's machine is busy; a second answer within it is one too many. */
const answerMs = 2000;

/** Reads the lines of `tcpdump -tt -n -e arp`, of questions by `macAddress` and answers to it. */
function readGatewayLog(log: string, { macAddress, gateway }: WatchedGateway): GatewayReport {
  const line = /^([\d.]+) ([0-9a-f:]{17}) > ([0-9a-f:]{17}), .* (Request who-has|Reply) (\S+?)(?:,| .*)$/gm;
  const open: number[] = [];
  const doubled: string[] = [];
  let [questions, answers, last, longestMs] = [0, 0, Number.NaN, 0];
  for (const [, seconds, from = '', to, kind, address] of log.matchAll(line)) {
    const at = Number(seconds) * 1000;
    if (address !== gateway || (kind === 'Reply' ? to : from) !== macAddress) continue;
    if (Number.isNaN(last)) last = at;
    longestMs = Math.max(longestMs, at - last);
    while ((open[0] ?? at) < at - answerMs) open.shift();
    if (kind === 'Reply') {
      [last, answers] = [at, answers + 1];
      if (open.shift() === undefined) doubled.push(`${seconds}: ${from}`);
    } else {
      open.push(at);
      questions += 1;
    }
  }
  return { questions, answers, longestSilenceMs: Math.round(longestMs), doubled };
}

/**
 * Asks by ARP from a namespace on the guest network until `stop`. A question is broadcast each 100 ms, so that a
 * second router answers too.
 */
export async function watchGateway(
  lab: GatewayWatchLab,
  watched: WatchedGateway,
): Promise<{ report(): Promise<GatewayReport>; stop(): Promise<GatewayReport> }> {
  const { host, macAddress, address, gateway } = watched;
  const dump = ['-i', 'eth0', '-n', '-l', '-e', '-tt', '--immediate-mode', 'arp'];
  const capture = await lab.startDaemon(host, 'tcpdump', dump);
  const listens = async () => (await lab.machine.files.readText(capture.logPath)).includes('listening on');
  await waitFor('tcpdump listens', listens);
  const ask = [program, 'eth0', macAddress, address, gateway, everySeconds];
  const asker = await lab.startDaemon(host, 'perl', ask);
  const report = async () => readGatewayLog(await lab.machine.files.readText(capture.logPath), watched);
  return {
    report,
    stop: async () => {
      for (const { pid } of [asker, capture]) lab.machine.commands.signal(pid, 'SIGTERM');
      return report();
    },
  };
}
