// Does dnsmasq answer? Asked by a short-lived process in the router's network namespace (probe-main.ts), or by this one
// where that is its own.
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseHosts } from '@isthmus/dnsmasq-config';
import type { Host } from '@isthmus/host';
import type { CheckFinding } from '../service.ts';
import type { EntryLine } from './lines.ts';
import { type ProbeAnswer, type ProbeQuestion, probe } from './probe.ts';
import type { DnsmasqSettings } from './settings.ts';

const script = fileURLToPath(new URL('./probe-main.ts', import.meta.url));
/** A probe costs 40 ms of a processor; that the process lives is checked each time, and costs nothing. */
const pauseMs = 30_000;
/** Longer than a reload takes, during which dnsmasq answers nobody. */
const answerMs = 5_000;
const noSuchName = 3;

function dnsFault(answer: ProbeAnswer['dns'], name: string, address: string | null): string | null {
  if (answer === null) return `DNS did not answer for ${name} within ${answerMs} ms`;
  if (address === null) {
    return answer.code === 0 || answer.code === noSuchName ? null : `DNS answered code ${answer.code} for ${name}`;
  }
  if (answer.addresses.includes(address)) return null;
  return `DNS answered ${answer.addresses.join(', ') || 'no address'} for ${name}: expected ${address}`;
}

interface Asked {
  readonly name: string;
  readonly address: string | null;
  readonly forwardedName: string | undefined;
}

/** That other servers do not answer is not this router's fault: a warning. */
function dnsFinding({ dns, forwarded }: ProbeAnswer, { name, address, forwardedName }: Asked): CheckFinding {
  const fault = dnsFault(dns, name, address);
  if (fault !== null) return { status: 'FAILURE', detail: fault };
  const own = `answered for ${name}`;
  if (forwardedName === undefined) return { status: 'SUCCESS', detail: `${own}; no servers to forward to` };
  if (forwarded !== null && [0, noSuchName].includes(forwarded.code)) {
    return { status: 'SUCCESS', detail: `${own}, and forwarded a question that was answered` };
  }
  const failure = forwarded === null ? `no answer within ${answerMs} ms` : `answer code ${forwarded.code}`;
  return { status: 'WARNING', detail: `${own}; a question for ${forwardedName} was forwarded in vain: ${failure}` };
}

export class DnsmasqProbe {
  readonly #host: Host;
  readonly #isInside: boolean;
  #nextAtMs = 0;

  /** `isInside`: this process is in the router's network namespace itself. */
  constructor(host: Host, isInside: boolean) {
    this.#host = host;
    this.#isInside = isInside;
  }

  /** Asks again at the next check. */
  reset(): void {
    this.#nextAtMs = 0;
  }

  /** What is wrong with the answers, or null. `record`: a line of the hosts file to ask for, where there is one. */
  async fault(settings: DnsmasqSettings, record: EntryLine | null): Promise<string | null> {
    const { clock } = this.#host;
    if (clock.monotonicMs() < this.#nextAtMs) return null;
    const [host] = record === null ? [] : parseHosts(`${record.text}\n`);
    const name = host?.names[0] ?? settings.dnsDomain;
    const { dns, dhcp } = await this.#ask({
      address: settings.address,
      broadcast: settings.broadcast,
      name,
      timeoutMs: answerMs,
    });
    const fault =
      dhcp === null ? `DHCP did not answer within ${answerMs} ms` : dnsFault(dns, name, host?.address ?? null);
    if (fault === null) this.#nextAtMs = clock.monotonicMs() + pauseMs;
    return fault;
  }

  /** Both asked now, and a name that others have to be asked for. */
  async findings(
    settings: DnsmasqSettings,
    record: EntryLine | null,
  ): Promise<{ readonly dhcp: CheckFinding; readonly dns: CheckFinding }> {
    const [host] = record === null ? [] : parseHosts(`${record.text}\n`);
    const name = host?.names[0] ?? settings.dnsDomain;
    const forwardedName = settings.servers === '' ? undefined : `${randomBytes(8).toString('hex')}.invalid`;
    const answer = await this.#ask({
      address: settings.address,
      broadcast: settings.broadcast,
      name,
      ...(forwardedName !== undefined && { forwardedName }),
      timeoutMs: answerMs,
    });
    return {
      dhcp:
        answer.dhcp === null
          ? { status: 'FAILURE', detail: `DHCP did not answer within ${answerMs} ms` }
          : { status: 'SUCCESS', detail: 'DHCPINFORM was answered on the guest interface' },
      dns: dnsFinding(answer, { name, address: host?.address ?? null, forwardedName }),
    };
  }

  async #ask(question: ProbeQuestion): Promise<ProbeAnswer> {
    if (this.#isInside) return probe(question);
    const { commands } = this.#host;
    const { stdout } = await commands.run(process.execPath, [script, JSON.stringify(question)], { timeoutMs: 20_000 });
    return JSON.parse(stdout) as ProbeAnswer;
  }
}
