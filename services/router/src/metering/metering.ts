// Counts the bytes of each public address and of the whole network, both ways. The counters are the kernel's and live as
// long as the router's network namespace: no change of the document and no restart of the agent sets one back.

import { randomBytes } from 'node:crypto';
import type { OperationAnswer, ServiceHealth } from '@isthmus/contract';
import { nft } from '@isthmus/host';
import { type Counted, type Metering, meteringOf, readMetering, renderMetering } from '@isthmus/templates/metering';
import type { DocumentChange, RouterService, ServiceContext, ServicePlan } from '../service.ts';

class MeteringService implements RouterService {
  readonly name = 'metering';
  readonly checkEveryMs = 60_000;
  readonly operations = { usage: () => this.#usage() };
  readonly #context: ServiceContext;
  readonly #table: string;
  /** Until the first table is loaded. */
  #isNewKernel: boolean;
  #applied: Metering | null = null;

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#isNewKernel = context.isNewKernel === true;
    this.#table = `${context.namePrefix}-metering`;
  }

  check(): [] {
    return [];
  }

  plan({ full, document, sections, entries }: DocumentChange): ServicePlan | null {
    const isTouched =
      full || sections.has('routing') || sections.has('firewall') || entries['routing.publicAddresses'].length > 0;
    if (!isTouched) return null;
    const wanted = meteringOf(document);
    const before = this.#applied;
    let isNew = false;
    if (!full && before !== null && JSON.stringify(before) === JSON.stringify(wanted)) return null;
    return {
      stage: async () => {},
      apply: async () => {
        isNew = await this.#load(wanted);
        this.#applied = wanted;
      },
      verify: async () => {
        // nft takes a file whole or not at all, and a table that is new holds nothing else.
        if (isNew) return;
        const missing = this.#missing(await this.#read(), wanted);
        if (missing !== null) throw new Error(missing);
      },
      commit: async () => {},
      // What is counted too much stays: a counter that is not asked for harms nobody, and one that goes is lost.
      revert: async () => {
        this.#applied = before;
        if (before !== null) await this.#load(before);
      },
    };
  }

  async health(): Promise<ServiceHealth> {
    const missing = this.#applied === null ? null : this.#missing(await this.#read(), this.#applied);
    return {
      service: this.name,
      healthy: missing === null,
      detail: missing ?? 'every public address is counted',
      checkedAt: new Date(this.#context.host.clock.now()).toISOString(),
    };
  }

  async heal(): Promise<void> {
    if (this.#applied !== null) await this.#load(this.#applied);
  }

  async release(): Promise<void> {}

  async shutdown(): Promise<void> {}

  /** True where the table is new. */
  async #load(metering: Metering): Promise<boolean> {
    const counted = this.#isNewKernel ? null : await this.#read();
    this.#isNewKernel = false;
    const epoch = counted === null ? randomBytes(8).toString('hex') : null;
    const input = renderMetering(this.#table, metering, epoch);
    await this.#context.host.commands.run(nft, ['-f', '-'], { input });
    return epoch !== null;
  }

  /** Null where there is no table yet. */
  async #read(): Promise<Counted | null> {
    const args = ['--json', 'list', 'table', 'inet', this.#table];
    const { exitCode, stdout } = await this.#context.host.commands.run(nft, args, { okCodes: [0, 1] });
    return exitCode === 0 ? readMetering(stdout) : null;
  }

  #missing(counted: Counted | null, wanted: Metering): string | null {
    if (counted === null) return `the table ${this.#table} is absent`;
    const uncounted = wanted.addresses.filter((address) => !counted.addresses.has(address));
    if (uncounted.length > 0) return `not counted: ${uncounted.join(', ')}`;
    const rules = wanted.publicInterface === null ? 0 : 2 * (1 + wanted.networks.length);
    return counted.rules === rules ? null : `the table ${this.#table} has ${counted.rules} rules, expected ${rules}`;
  }

  async #usage(): Promise<OperationAnswer<'usage'>> {
    const counted = await this.#read();
    if (counted === null) throw new Error('usage: nothing is counted yet');
    const { epoch, addresses, network } = counted;
    const each = [...addresses].map(([publicAddress, { sent, received }]) => ({
      publicAddress: publicAddress as OperationAnswer<'usage'>['counters'][number]['publicAddress'] & string,
      sentBytes: sent,
      receivedBytes: received,
    }));
    const sum = (field: 'sentBytes' | 'receivedBytes', start: number) =>
      each.reduce((total, counter) => total + counter[field], start);
    const whole = {
      sentBytes: sum('sentBytes', network.sent),
      receivedBytes: sum('receivedBytes', network.received),
    };
    return { epoch, counters: [whole, ...each] };
  }
}

/** Accounting of traffic; operation `usage`. */
export function createMeteringService(context: ServiceContext): RouterService {
  return new MeteringService(context);
}
