// The commands of the packet filter. Which rules and why: templates/firewall, templates/nat.
import type { CommandRunner } from '@isthmus/host';
import type { Family } from '@isthmus/iptables-ts';

/** Runs the commands of iptables and ipset. Each method throws CommandError. */
export interface NetfilterKernel {
  /** Nothing was put into it since its boot, neither rules nor sets of ours: there is nothing to read. */
  readonly isNew: boolean;
  /** Loads rules; each table of the text is taken whole or not at all. Empty text runs nothing. */
  restore(text: string): Promise<void>;
  /** Loads whole tables, replacing all that they held. */
  replace(text: string): Promise<void>;
  /** Reads rules as `restore` would and changes nothing. */
  test(text: string): Promise<void>;
  /** The rules in force, as iptables-save has them. */
  save(): Promise<string>;
  /** One chain as `-S` prints it; null where there is none. */
  chain(table: string, chain: string): Promise<string | null>;
  /** Changes sets; what is already as it should be is no error. Empty text runs nothing. */
  restoreSets(text: string): Promise<void>;
  /** The sets whose name begins with the prefix, as ipset save has them. */
  saveSets(prefix: string): Promise<string>;
  /** Destroys one set; false where a rule still refers to it, true where there is none. */
  destroySet(name: string): Promise<boolean>;
}

/** A hundred thousand rules take about two seconds to load. */
const timeoutMs = 60_000;

function linesOf(save: string, prefix: string): string {
  const lines = save.split('\n').filter((line) => line.split(' ')[1]?.startsWith(prefix) === true);
  return lines.map((line) => `${line}\n`).join('');
}

/** The real commands: iptables, or ip6tables for family 6. ipset serves both. `isNew` until something is put in. */
export function createKernel(commands: CommandRunner, options: { family: Family; isNew?: boolean }): NetfilterKernel {
  const iptables = options.family === 6 ? 'ip6tables' : 'iptables';
  let isNew = options.isNew === true;
  const load = async (command: string, args: readonly string[], input: string) => {
    isNew = false;
    await commands.run(command, args, { input, timeoutMs });
  };
  return {
    get isNew() {
      return isNew;
    },
    restore: async (input) => {
      if (input !== '') await load(`${iptables}-restore`, ['--noflush'], input);
    },
    replace: (input) => load(`${iptables}-restore`, [], input),
    test: async (input) => {
      if (input !== '') await commands.run(`${iptables}-restore`, ['--noflush', '--test'], { input, timeoutMs });
    },
    save: async () => (await commands.run(`${iptables}-save`, [], { timeoutMs })).stdout,
    chain: async (table, chain) => {
      const result = await commands.run(iptables, ['-t', table, '-S', chain], { okCodes: [0, 1] });
      return result.exitCode === 0 ? result.stdout : null;
    },
    restoreSets: async (input) => {
      if (input !== '') await load('ipset', ['-exist', 'restore'], input);
    },
    saveSets: async (prefix) => linesOf((await commands.run('ipset', ['save'], { timeoutMs })).stdout, prefix),
    destroySet: async (name) => {
      const { exitCode, stderr } = await commands.run('ipset', ['destroy', name], { okCodes: [0, 1] });
      return exitCode === 0 || stderr.includes('does not exist');
    },
  };
}
