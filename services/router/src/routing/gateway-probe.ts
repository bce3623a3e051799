// Does the default gateway answer? Asked by ARP, or as a neighbour of IPv6, beside the health check, which never waits for it.
import { CommandError, type Host } from '@isthmus/host';
import { isIpv6Address } from '@isthmus/net';
import type { DefaultRoute } from '@isthmus/templates/routing';
import type { CheckFinding } from '../service.ts';

const pauseMs = 30_000;
const pauseAfterSilenceMs = 5_000;
/** Of a neighbour that was known: five seconds until it is asked, and three questions. */
const neighbourMs = 10_000;

/** `not known`: not asked yet, or arping(8) or ping(8) is absent. */
export type GatewayAnswer = 'answers' | 'silent' | 'not known';

export class GatewayProbe {
  readonly #host: Host;
  readonly #end: AbortSignal;
  #answer: GatewayAnswer = 'not known';
  #nextAtMs = 0;

  constructor(host: Host, end: AbortSignal) {
    this.#host = host;
    this.#end = end;
  }

  /** Forgets what is known: the gateway or its interface has changed. */
  reset(): void {
    this.#answer = 'not known';
    this.#nextAtMs = 0;
  }

  /** The last answer; asks again in the background where that is old. */
  latest(route: DefaultRoute): GatewayAnswer {
    const now = this.#host.clock.monotonicMs();
    if (now >= this.#nextAtMs && route.gateway !== null) {
      this.#nextAtMs = now + pauseMs;
      void this.#ask(route.interface, route.gateway);
    }
    return this.#answer;
  }

  /** Asks every default gateway now. Throws CommandError where arping(8) or ping(8) cannot be run. */
  async finding(routes: readonly DefaultRoute[]): Promise<CheckFinding> {
    const silent: string[] = [];
    const gateways = routes.flatMap(({ interface: name, gateway }) => (gateway === null ? [] : [{ name, gateway }]));
    for (const { name, gateway } of gateways) {
      if (!(await this.#answers(name, gateway))) silent.push(`${gateway} on ${name}`);
    }
    if (silent.length > 0) return { status: 'FAILURE', detail: `no answer from ${silent.join(', ')}` };
    if (gateways.length === 0) return { status: 'SUCCESS', detail: 'there is no default gateway' };
    const asked = gateways.map(
      ({ gateway }) => `${gateway} answers ${isIpv6Address(gateway) ? 'as a neighbour' : 'ARP'}`,
    );
    return { status: 'SUCCESS', detail: asked.join(', ') };
  }

  async #answers(name: string, gateway: string): Promise<boolean> {
    if (isIpv6Address(gateway)) return this.#isNeighbour(name, gateway);
    const options = { okCodes: [0, 1], signal: this.#end, timeoutMs: 5000 };
    const args = ['-q', '-f', '-c', '2', '-w', '2', '-I', name, gateway];
    const { exitCode } = await this.#host.commands.run('arping', args, options);
    return exitCode === 0;
  }

  /** A ping makes the kernel look for the neighbour (RFC 4861, 7.3.3), which may answer that and no ping. */
  async #isNeighbour(name: string, gateway: string): Promise<boolean> {
    const { clock, commands } = this.#host;
    const options = { okCodes: [0, 1, 2], signal: this.#end, timeoutMs: 5000 };
    const args = ['-6', '-q', '-n', '-c', '2', '-i', '0.2', '-W', '1', '-I', name, gateway];
    const { exitCode } = await commands.run('ping', args, options);
    if (exitCode === 0) return true;
    const until = clock.monotonicMs() + neighbourMs;
    for (;;) {
      const words = ['-6', 'neighbour', 'show', 'to', gateway, 'dev', name];
      const { stdout } = await commands.run('ip', words, { signal: this.#end });
      if (/ REACHABLE\b/.test(stdout)) return true;
      if (!/ (?:STALE|DELAY|PROBE|INCOMPLETE)\b/.test(stdout) || clock.monotonicMs() > until) return false;
      await clock.sleep(500, this.#end);
    }
  }

  async #ask(name: string, gateway: string): Promise<void> {
    try {
      this.#answer = (await this.#answers(name, gateway)) ? 'answers' : 'silent';
    } catch (error) {
      if (!(error instanceof CommandError)) this.#host.log.warn('the gateway was not asked', { error });
      this.#answer = 'not known';
    }
    if (this.#answer === 'silent') this.#nextAtMs = this.#host.clock.monotonicMs() + pauseAfterSilenceMs;
  }
}

/**
 * Tells the neighbours that addresses are here now, so that they forget who had them before (gratuitous ARP, RFC 5227, 3).
 * Never throws: neighbours learn by asking as well.
 */
export async function announce(
  host: Host,
  addresses: readonly (readonly [name: string, address: string])[],
  end: AbortSignal,
): Promise<void> {
  for (const [name, address] of addresses) {
    try {
      await host.commands.run('arping', ['-q', '-U', '-c', '1', '-w', '1', '-I', name, address], {
        okCodes: [0, 1],
        signal: end,
        timeoutMs: 5000,
      });
    } catch (error) {
      if (!end.aborted) host.log.warn('an address was not announced', { interface: name, address, error });
      return;
    }
  }
}
