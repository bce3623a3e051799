// Does the default gateway answer? Asked by ARP, beside the health check, which never waits for it.
import { CommandError, type Host } from '@isthmus/host';
import type { DefaultRoute } from '@isthmus/templates/routing';
import type { CheckFinding } from '../service.ts';

const pauseMs = 30_000;
const pauseAfterSilenceMs = 5_000;

/** `not known`: not asked yet, or arping(8) is absent. */
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

  /** Asks every default gateway now. Throws CommandError where arping(8) cannot be run. */
  async finding(routes: readonly DefaultRoute[]): Promise<CheckFinding> {
    const silent: string[] = [];
    const gateways = routes.flatMap(({ interface: name, gateway }) => (gateway === null ? [] : [{ name, gateway }]));
    for (const { name, gateway } of gateways) {
      if (!(await this.#answers(name, gateway))) silent.push(`${gateway} on ${name}`);
    }
    if (silent.length > 0) return { status: 'FAILURE', detail: `no answer to ARP from ${silent.join(', ')}` };
    if (gateways.length === 0) return { status: 'SUCCESS', detail: 'there is no default gateway' };
    return { status: 'SUCCESS', detail: `${gateways.map(({ gateway }) => gateway).join(', ')} answers ARP` };
  }

  async #answers(name: string, gateway: string): Promise<boolean> {
    const options = { okCodes: [0, 1], signal: this.#end, timeoutMs: 5000 };
    const args = ['-q', '-f', '-c', '2', '-w', '2', '-I', name, gateway];
    const { exitCode } = await this.#host.commands.run('arping', args, options);
    return exitCode === 0;
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
