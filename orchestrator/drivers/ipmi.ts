// The power of a machine, switched by its baseboard management controller: ipmitool, IPMI 2.0 over the LAN (RMCP+).
import { CommandError, type CommandRunner } from '@isthmus/host';
import type { PowerAction, PowerState } from '../model/host-orchestration.ts';

/** Where a controller listens, and who may switch. */
export interface IpmiAddress {
  readonly address: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/** ipmitool's words for the power actions. */
const actions: Readonly<Record<PowerAction, readonly string[]>> = {
  ON: ['chassis', 'power', 'on'],
  OFF: ['chassis', 'power', 'off'],
  CYCLE: ['chassis', 'power', 'cycle'],
  RESET: ['chassis', 'power', 'reset'],
  SOFT: ['chassis', 'power', 'soft'],
  STATUS: ['chassis', 'power', 'status'],
};

/** The controller did not do as it was told, or cannot be reached. The message has its own words and no password. */
export class IpmiError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'IpmiError';
  }
}

const timeoutMs = 15_000;

/** Reads `Chassis Power is on`. */
export function powerStateOf(text: string): PowerState {
  const [, word] = /^Chassis Power is (on|off)$/im.exec(text.trim()) ?? [];
  if (word === undefined) return 'Unknown';
  return word.toLowerCase() === 'on' ? 'On' : 'Off';
}

/** Cipher suites, the better first: 17 has SHA-256, 3 is what every controller has. Named, they need not be asked for. */
const cipherSuites = ['17', '3'] as const;

async function ipmitool(
  commands: CommandRunner,
  to: IpmiAddress,
  words: readonly string[],
  input = '',
): Promise<string> {
  for (const [index, suite] of cipherSuites.entries()) {
    try {
      return await run(commands, to, suite, words, input);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const isLast = index === cipherSuites.length - 1;
      if (!isLast && /invalid \w+ algorithm|cipher suite/i.test(error.stderr)) continue;
      const said = `${error.stderr}\n${error.stdout}`.trim().split('\n').at(-1) ?? '';
      const reason = error.timedOut ? `no answer within ${timeoutMs / 1000} s` : said;
      const message = `the controller at ${to.address}:${to.port} did not do ${words.join(' ')}: ${reason}`;
      throw new IpmiError(message, { cause: error });
    }
  }
  throw new IpmiError(`the controller at ${to.address}:${to.port} has no cipher suite of ${cipherSuites.join(', ')}`);
}

async function run(
  commands: CommandRunner,
  to: IpmiAddress,
  suite: string,
  words: readonly string[],
  input: string,
): Promise<string> {
  const connection = ['-I', 'lanplus', '-H', to.address, '-p', String(to.port), '-U', to.username, '-C', suite];
  // -E: the password comes by the environment, which root alone reads. -N, -R: seconds a try, and tries.
  const { stdout } = await commands.run('ipmitool', [...connection, '-E', '-N', '1', '-R', '2', ...words], {
    env: { IPMI_PASSWORD: to.password },
    timeoutMs,
    input,
  });
  return stdout;
}

/** Switches the power of machines. Every call throws IpmiError. */
export interface PowerControl {
  /** Does a power action; STATUS answers with the state, the others with Unknown. */
  act(to: IpmiAddress, action: PowerAction): Promise<PowerState>;
  /** Changes the password of the controller's user: 1 to 20 printable characters, no blanks, quotes and backslashes. */
  changePassword(to: IpmiAddress, password: string): Promise<void>;
}

/** Power control by ipmitool. */
export function createIpmi(commands: CommandRunner): PowerControl {
  const act = async (to: IpmiAddress, action: PowerAction) => {
    const text = await ipmitool(commands, to, actions[action]);
    return action === 'STATUS' ? powerStateOf(text) : 'Unknown';
  };
  return {
    act,
    changePassword: async (to, password) => {
      const list = await ipmitool(commands, to, ['-c', 'user', 'list']);
      const users = list.split('\n').map((line) => line.split(','));
      const id = users.find(([, name]) => name === to.username)?.[0];
      if (id === undefined) {
        throw new IpmiError(`the controller at ${to.address}:${to.port} has no user ${to.username}`);
      }
      // By the shell of ipmitool's own: as an argument the password would stand in the command line.
      await ipmitool(commands, to, ['shell'], `user set password ${id} ${password} 20\nexit\n`);
      await act({ ...to, password }, 'STATUS');
    },
  };
}
