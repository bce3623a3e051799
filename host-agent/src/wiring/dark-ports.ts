// Appliances whose ports carry no frame, either way: beside each stands another one with the same addresses, which serves.
// Enforced by ebtables in `nat PREROUTING`, before the bridge learns a frame's source, and in `nat POSTROUTING`, behind all
// that it sends. One transaction changes both, so that two appliances change places at one instant, and carrier, which a
// router's own health heeds, stays. The control port of a VM stays lit.
import type { CommandRunner } from '@isthmus/host';
import { KeyedLock } from '../keyed-lock.ts';
import { controlPortName, portName } from './names.ts';

type Way = 'in' | 'out';
const ways = ['in', 'out'] as const satisfies readonly Way[];
const hooks: Readonly<Record<Way, string>> = { in: 'PREROUTING', out: 'POSTROUTING' };

function chainOf(installation: string, way: Way): string {
  return `ith-${installation}-dark-${way}`;
}

function entryRule(installation: string, way: Way): string {
  return `-A ${hooks[way]} -j ${chainOf(installation, way)}`;
}

/** What of `saved`, the text of ebtables-save, is there: the chain of each way, and whether frames are led to it. */
function readDarkPorts(installation: string, saved: string): Record<Way, { chain: boolean; entry: boolean }> {
  const tables = saved.split(/^\*/m);
  const nat = (tables.find((table) => table.startsWith('nat')) ?? '').split('\n');
  const of = (way: Way) => ({
    chain: nat.some((line) => line.startsWith(`:${chainOf(installation, way)} `)),
    entry: nat.includes(entryRule(installation, way)),
  });
  return { in: of('in'), out: of('out') };
}

/** Text for `ebtables-restore --noflush` that leaves exactly these appliances dark, in one transaction. */
function renderDarkPorts(
  installation: string,
  ids: readonly string[],
  there: ReturnType<typeof readDarkPorts>,
): string {
  const lines = ways.flatMap((way) => {
    const chain = chainOf(installation, way);
    const option = `-${way === 'in' ? 'i' : 'o'}`;
    if (ids.length === 0) {
      return [
        ...(there[way].entry ? [entryRule(installation, way).replace('-A', '-D')] : []),
        ...(there[way].chain ? [`-F ${chain}`, `-X ${chain}`] : []),
      ];
    }
    return [
      `:${chain} RETURN`,
      ...ids.flatMap((id) => [
        `-A ${chain} ${option} ${controlPortName(installation, id)} -j RETURN`,
        `-A ${chain} ${option} ${portName(installation, 'r', id, 0).slice(0, -1)}+ -j DROP`,
      ]),
      ...(there[way].entry ? [] : [entryRule(installation, way)]),
    ];
  });
  return lines.length === 0 ? '' : ['*nat', ...lines, ''].join('\n');
}

/** The dark appliances of one installation on one host. */
export class DarkPorts {
  readonly #commands: CommandRunner;
  readonly #installation: string;
  readonly #turns = new KeyedLock();
  #ids: readonly string[] = [];
  #isLoaded = false;

  constructor(commands: CommandRunner, installation: string) {
    this.#commands = commands;
    this.#installation = installation;
  }

  /** Brings the kernel to exactly these, whatever was there. Before any port exists. */
  load(ids: readonly string[]): Promise<void> {
    return this.#change(() => ids);
  }

  /** Resolves when no frame goes through the ports of `darken` any more, and those of `light` carry what is sent. */
  set({ darken = [], light = [] }: { readonly darken?: readonly string[]; readonly light?: readonly string[] }) {
    return this.#change((ids) => [...new Set([...ids, ...darken])].filter((id) => !light.includes(id)));
  }

  /** Loads everything again where someone else has removed it. */
  async heal(): Promise<void> {
    await this.#turns.run('ebtables', async () => {
      if (this.#ids.length === 0) return;
      const there = await this.#read();
      if (!ways.every((way) => there[way].chain && there[way].entry)) await this.#load(this.#ids, there);
    });
  }

  #change(next: (ids: readonly string[]) => readonly string[]): Promise<void> {
    return this.#turns.run('ebtables', async () => {
      const ids = next(this.#ids);
      if (this.#isLoaded && ids.join(' ') === this.#ids.join(' ')) return;
      await this.#load(ids, await this.#read());
      this.#ids = ids;
      this.#isLoaded = true;
    });
  }

  async #load(ids: readonly string[], there: ReturnType<typeof readDarkPorts>): Promise<void> {
    const input = renderDarkPorts(this.#installation, ids, there);
    if (input !== '') await this.#commands.run('ebtables-nft-restore', ['--noflush'], { input });
  }

  async #read(): Promise<ReturnType<typeof readDarkPorts>> {
    return readDarkPorts(this.#installation, (await this.#commands.run('ebtables-nft-save', [])).stdout);
  }
}

/**
 * Has the bridges forget what they learnt behind the ports of an appliance: frames to its addresses go to every port until
 * the one that has them now speaks.
 */
export async function forgetLearnt(commands: CommandRunner, installation: string, id: string): Promise<void> {
  const prefix = portName(installation, 'r', id, 0).slice(0, -1);
  const lines = Array.from({ length: 8 }, (_, index) => `link set dev ${prefix}${index} type bridge_slave fdb_flush\n`);
  await commands.run('ip', ['-force', '-batch', '-'], { input: lines.join(''), okCodes: [0, 1] });
}
