// The BMC of a hypervisor: Debian's ipmi_sim on the management network, whose chassis is the hypervisor's power.
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import type { Host } from '@isthmus/host';
import type { Hypervisor } from './hypervisor.ts';
import { management } from './network.ts';

/** UDP port of the first hypervisor's BMC less one; all of them listen on `management.address`. */
const firstPort = 6230;

/** Where a BMC listens (IPMI 2.0, cipher suite 3) and who may use it. */
export interface Bmc {
  readonly address: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** False: it answers nothing any more about power, as a BMC that died with its host. */
  setReachable(isReachable: boolean): void;
  close(): void;
}

/** What a BMC is made of. `directory` is a short path; `start` starts a process that the lab ends. */
export interface BmcOptions {
  readonly machine: Host;
  readonly hypervisor: Hypervisor;
  readonly number: number;
  readonly directory: string;
  /** Boots the hypervisor with all that starts by itself. */
  readonly powerOn: () => Promise<void>;
  readonly start: (file: string, args: readonly string[]) => Promise<unknown>;
}

const program = new URL('programs/chassis-control.ts', import.meta.url).pathname;

/** Answers one request of the chassis program. */
async function answer(words: string, { hypervisor, powerOn }: BmcOptions): Promise<string> {
  if (words === 'get power') return `power:${hypervisor.isOn ? 1 : 0}\n`;
  if (words === 'set power 0') await hypervisor.powerOff();
  if (words === 'set power 1' && !hypervisor.isOn) await powerOn();
  if (words.startsWith('set reset')) {
    await hypervisor.powerOff();
    await powerOn();
  }
  return '';
}

function serve(options: BmcOptions, isReachable: () => boolean): Server {
  return createServer({ allowHalfOpen: true }, (connection) => {
    let words = '';
    connection.setEncoding('utf8').on('data', (part: string) => {
      words += part;
    });
    connection.on('error', () => connection.destroy());
    connection.on('end', () => {
      if (!isReachable()) return connection.destroy();
      void answer(words.trim(), options).then(
        (text) => connection.end(text),
        () => connection.destroy(),
      );
    });
  });
}

/** Starts the BMC of a hypervisor. */
export async function startBmc(options: BmcOptions): Promise<Bmc> {
  const { machine, hypervisor, number, directory, start } = options;
  const [port, username, password] = [firstPort + number, 'isthmus', randomUUID().slice(0, 16)];
  let isReachable = true;
  const server = serve(options, () => isReachable);
  const { files } = machine;
  await files.makeDirectory(`${directory}/state`);
  const socket = `${directory}/chassis.sock`;
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const levels = ['callback', 'user', 'operator', 'admin'].map((level) => `    allowed_auths_${level} md5`);
  const configuration = [
    `name "${hypervisor.name}"`,
    'set_working_mc 0x20',
    '  startlan 1',
    `    addr ${management.address} ${port}`,
    '    priv_limit admin',
    ...levels,
    `    guid ${randomUUID().replaceAll('-', '')}`,
    '  endlan',
    `  chassis_control "${process.execPath} ${program} ${socket}"`,
    '  user 1 false "" "" user 1 none',
    `  user 2 true "${username}" "${password}" admin 10 md5`,
  ];
  await files.writeText(`${directory}/lan.conf`, `${configuration.join('\n')}\n`, { mode: 0o600 });
  const emulation = ['mc_setbmc 0x20', 'mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02', 'mc_enable 0x20'];
  await files.writeText(`${directory}/emulation`, `${emulation.join('\n')}\n`);
  const place = ['-c', `${directory}/lan.conf`, '-f', `${directory}/emulation`, '-s', `${directory}/state`];
  await start('ipmi_sim', [...place, '-n']);
  return {
    address: management.address,
    port,
    username,
    password,
    setReachable: (reachable) => {
      isReachable = reachable;
    },
    close: () => server.close(),
  };
}
