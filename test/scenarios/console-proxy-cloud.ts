// A cloud with console proxies, and viewers on its internet who open the consoles of an instance.
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect as connectTls } from 'node:tls';
import type { ApiObject } from '@isthmus/api-client';
import { WebSocket } from 'ws';
import { type Cloud, type Instance, objectIn, type Tenant, text } from '../lab/cloud.ts';
import { type Door, openDoor } from '../lab/door.ts';
import { waitFor } from '../lab/index.ts';

/** Booting, placing and reporting take their time on a busy machine. */
export const patienceMs = 120_000;

/** The system VMs of a cloud, the oldest first. */
export async function systemVms(cloud: Cloud, filters: Record<string, string> = {}): Promise<ApiObject[]> {
  return cloud.admin.list('listSystemVms', { systemvmtype: 'consoleproxy', ...filters });
}

/** The process of a proxy on the lab's host; null while it has none. */
export async function processOf(id: string): Promise<number | null> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (line.includes('--config-drive') && line.includes(`/appliances/${id}\0`)) return Number(name);
  }
  return null;
}

/** Waits until so many proxies serve, and there are no others. */
export function proxiesServe(cloud: Cloud, count: number): Promise<ApiObject[]> {
  const serve = async () => {
    const all = await systemVms(cloud);
    const well = all.filter(({ state, agentstate }) => state === 'Running' && agentstate === 'Up');
    return all.length === count && well.length === count ? all : null;
  };
  return waitFor(`${count} console proxies serve`, serve, patienceMs);
}

/** A viewer whose WebSocket is open. */
export interface Viewer {
  /** What it has received so far. */
  text(): string;
  send(line: string): void;
  isOpen(): boolean;
  /** Why it was closed; '' while it is not. */
  ending(): string;
  /** The certificate that the proxy showed; null without TLS. */
  readonly certificate: string | null;
  close(): void;
}

/** People on the internet of a cloud. */
export class Viewers {
  readonly #cloud: Cloud;
  readonly #doors = new Map<string, Promise<Door>>();
  #opened = 0;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  /** Opens the serial console of an instance as CloudStack's clients do. `ca`: of the proxy's certificate, by TLS. */
  async open(tenant: Tenant, instance: Instance, ca?: string): Promise<Viewer> {
    const values = { virtualmachineid: instance.id, console: 'serial' };
    // Until the orchestrator speaks with the proxy again, after either was killed, there is none.
    const ask = async () => {
      const endpoint = objectIn(await tenant.client.run('createConsoleEndpoint', values), 'consoleendpoint');
      return endpoint.success === true ? objectIn(endpoint, 'websocket') : null;
    };
    const socket = await waitFor('a console is given', ask, patienceMs);
    const [host, port] = [text(socket, 'host'), Number(text(socket, 'port'))];
    const address = ca === undefined ? host : (host.split('.')[0] ?? '').replaceAll('-', '.');
    const door = await this.#door(address, port);
    const doorPort = Number(door.address.split(':')[1]);
    let certificate: string | null = null;
    const path = `${text(socket, 'path')}?token=${text(socket, 'token')}`.replace(/^(?!\/)/, '/');
    const web = new WebSocket(`${ca === undefined ? 'ws' : 'wss'}://127.0.0.1:${doorPort}${path}`, {
      origin: this.#cloud.origin,
      headers: { host: `${host}:${port}` },
      ...(ca !== undefined && {
        createConnection: () => {
          const secure = connectTls({ port: doorPort, host: '127.0.0.1', servername: host, ca });
          secure.once('secureConnect', () => {
            certificate = secure.getPeerX509Certificate()?.toString() ?? null;
          });
          return secure;
        },
      }),
    });
    let received = '';
    web.on('message', (data: Buffer) => {
      received += data.toString('utf8');
    });
    let ending = '';
    web.on('close', (code, reason) => {
      ending = `${code} ${reason.toString('utf8')}`;
    });
    await once(web, 'open', { signal: AbortSignal.timeout(patienceMs) });
    web.on('error', () => undefined);
    // What is typed before the console is open goes nowhere.
    const isShown = async () => {
      if (ending !== '') throw new Error(`the console was closed: ${ending}`);
      return received.includes('$ ');
    };
    await waitFor('the console shows its prompt', isShown, patienceMs);
    return {
      text: () => received,
      send: (line) => web.send(Buffer.from(`${line}\n`)),
      isOpen: () => web.readyState === WebSocket.OPEN,
      ending: () => ending,
      certificate,
      close: () => web.terminate(),
    };
  }

  /** Types into the shell of an instance and waits for what it says. */
  async answers(viewer: Viewer, word: string): Promise<void> {
    viewer.send(`echo $((6*7))-${word}`);
    const answered = async () => {
      if (!viewer.isOpen()) throw new Error(`the console was closed: ${viewer.ending()}`);
      return viewer.text().includes(`42-${word}`);
    };
    await waitFor(`the console answers ${word}`, answered, patienceMs);
  }

  async close(): Promise<void> {
    for (const door of this.#doors.values()) (await door).close();
  }

  #door(host: string, port: number): Promise<Door> {
    const { lab } = this.#cloud;
    const key = `${host}:${port}`;
    this.#opened += 1;
    const socket = `${lab.run}/viewer-${this.#opened}.sock`;
    const start = (file: string, args: readonly string[]) => lab.startDaemon(lab.internet, file, args);
    const door = this.#doors.get(key) ?? openDoor({ machine: lab.machine, socket, target: { host, port }, start });
    this.#doors.set(key, door);
    return door;
  }
}
