// Does dnsmasq answer? Asked by a short-lived process in the router's network namespace (probe-main.ts), or by this one
// where that is its own.
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseHosts } from '@isthmus/dnsmasq-config';
import type { Host } from '@isthmus/host';
import type { CheckFinding } from '../service.ts';
import { Turns } from '../turns.ts';
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

/** What is to answer. `shares`: of the hosts; `record`: a line of the hosts file to ask for, where there is one. */
export interface Asked {
  readonly settings: DnsmasqSettings;
  readonly shares: readonly number[];
  readonly record: EntryLine | null;
}

interface AskedName {
  readonly name: string;
  readonly address: string | null;
  readonly forwardedName: string | undefined;
}

/** That other servers do not answer is not this router's fault: a warning. */
function dnsFinding({ dns, forwarded }: ProbeAnswer, { name, address, forwardedName }: AskedName): CheckFinding {
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

function nameOf({ settings, record }: Asked): AskedName {
  const [host] = record === null ? [] : parseHosts(`${record.text}\n`);
  return { name: host?.names[0] ?? settings.dnsDomain, address: host?.address ?? null, forwardedName: undefined };
}

function questionOf({ settings, shares }: Asked, { name, forwardedName }: AskedName): ProbeQuestion {
  return {
    address: settings.address,
    broadcast: settings.broadcast,
    ipv6Interface: settings.hasIpv6 ? settings.interface : null,
    shares,
    name: settings.isDnsEnabled ? name : null,
    ...(forwardedName !== undefined && settings.isDnsEnabled && { forwardedName }),
    timeoutMs: answerMs,
  };
}

function dhcpFault({ settings, shares }: Asked, { dhcp, dhcpIpv6 }: ProbeAnswer): string | null {
  const { shards, hasIpv6 } = settings;
  const silent = shares[dhcp.indexOf(null)];
  const share = shards === 1 ? '' : `, for hosts of share ${silent} of ${shards}`;
  if (silent !== undefined) return `DHCP did not answer within ${answerMs} ms${share}`;
  return hasIpv6 && dhcpIpv6 === null ? `DHCPv6 did not answer within ${answerMs} ms` : null;
}

/** The process that answers DHCPv6 is the one that advertises the router. */
function dhcpFinding(asked: Asked, answer: ProbeAnswer): CheckFinding {
  const { settings } = asked;
  const fault = dhcpFault(asked, answer);
  if (fault !== null) return { status: 'FAILURE', detail: fault };
  const questions = [
    ...(settings.shards > 0 ? ['DHCPINFORM'] : []),
    ...(settings.hasIpv6 ? ['an information request of DHCPv6'] : []),
  ];
  if (questions.length === 0) return { status: 'SUCCESS', detail: 'the network has no DHCP' };
  const verb = questions.length === 1 ? 'was' : 'were';
  return { status: 'SUCCESS', detail: `${questions.join(' and ')} ${verb} answered on the guest interface` };
}

export class DnsmasqProbe {
  readonly #host: Host;
  readonly #isInside: boolean;
  /** DHCPv6 is asked from the client's one port. */
  readonly #turns = new Turns();
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

  /** What is wrong with the answers, or null. */
  async fault(asked: Asked): Promise<string | null> {
    const { clock } = this.#host;
    if (clock.monotonicMs() < this.#nextAtMs) return null;
    const askedName = nameOf(asked);
    const answer = await this.#ask(questionOf(asked, askedName));
    const ofDns = asked.settings.isDnsEnabled ? dnsFault(answer.dns, askedName.name, askedName.address) : null;
    const fault = dhcpFault(asked, answer) ?? ofDns;
    if (fault === null) this.#nextAtMs = clock.monotonicMs() + pauseMs;
    return fault;
  }

  /** Both asked now, and a name that others have to be asked for. */
  async findings(asked: Asked): Promise<{ readonly dhcp: CheckFinding; readonly dns: CheckFinding }> {
    const { settings } = asked;
    const forwardedName = settings.hasForwarders ? `${randomBytes(8).toString('hex')}.invalid` : undefined;
    const askedName = { ...nameOf(asked), forwardedName };
    const answer = await this.#ask(questionOf(asked, askedName));
    return {
      dhcp: dhcpFinding(asked, answer),
      dns: settings.isDnsEnabled
        ? dnsFinding(answer, askedName)
        : { status: 'SUCCESS', detail: 'the network has no DNS' },
    };
  }

  async #ask(question: ProbeQuestion): Promise<ProbeAnswer> {
    return question.ipv6Interface === null ? this.#askNow(question) : this.#turns.take(() => this.#askNow(question));
  }

  async #askNow(question: ProbeQuestion): Promise<ProbeAnswer> {
    if (this.#isInside) return probe(question);
    const { commands } = this.#host;
    const { stdout } = await commands.run(process.execPath, [script, JSON.stringify(question)], { timeoutMs: 20_000 });
    return JSON.parse(stdout) as ProbeAnswer;
  }
}
