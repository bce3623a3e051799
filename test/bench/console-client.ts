// The client of the benchmark of consoles: own|peer ADDRESS PORT, and then one of
//   open N            opens and closes N sessions one by one, each up to ServerInit → their milliseconds
//   round-trip N PORT a key and its echo, N times, in turns here and at the peer's PORT → the milliseconds of each
//   throughput MIB    → MiB a second
//   hold N SECONDS    opens N sessions, says `held`, and after that time asks each for an echo → how many answered
// It speaks WebSocket by itself, so that its own cost is small and the same towards both.
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { consoleSocketPath, consoleSubprotocol } from '@isthmus/contract';
import { benchOrigin } from './console-origin.ts';

const [side = '', address = '', port = '', what = '', count = '', more = '0'] = process.argv.slice(2);
const key = Buffer.from([4, 1, 0, 0, 0, 0, 0, 97]);

/** A frame of a client; its mask is zero, which leaves the bytes as they are. */
function frame(opcode: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);
}

/** A WebSocket whose binary frames are read as one stream of bytes. */
class Viewer {
  readonly socket: Socket;
  #raw: Buffer = Buffer.alloc(0);
  #bytes: Buffer = Buffer.alloc(0);
  #texts: string[] = [];
  #isOpen = false;
  #wake: () => void = () => {};

  readonly #isOwn: boolean;

  constructor(isOwn: boolean, at: string) {
    this.#isOwn = isOwn;
    this.socket = connect({ host: address, port: Number(at), noDelay: true });
    this.socket.on('data', (chunk) => this.#take(chunk));
    this.socket.on('error', (error) => {
      throw error;
    });
  }

  async open(): Promise<void> {
    const words = [
      `GET ${consoleSocketPath} HTTP/1.1`,
      `Host: ${address}:${port}`,
      `Origin: ${benchOrigin}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      `Sec-WebSocket-Protocol: ${this.#isOwn ? consoleSubprotocol : 'binary'}`,
    ];
    this.socket.write(`${words.join('\r\n')}\r\n\r\n`);
    await this.#until(() => this.#raw.includes('\r\n\r\n'));
    const end = this.#raw.indexOf('\r\n\r\n');
    if (!this.#raw.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(this.#raw.toString('latin1', 0, end));
    const rest = this.#raw.subarray(end + 4);
    this.#raw = Buffer.alloc(0);
    this.#isOpen = true;
    this.#take(rest);
    if (this.#isOwn) {
      const ticket = randomBytes(32).toString('base64url');
      this.socket.write(frame(1, Buffer.from(JSON.stringify({ type: 'open', ticket }))));
      await this.#until(() => this.#texts.some((text) => text.includes('"opened"')));
    }
    await this.bytes(12);
    this.send(Buffer.from('RFB 003.008\n'));
    await this.bytes(2);
    this.send(Buffer.from([1]));
    await this.bytes(4);
    this.send(Buffer.from([1]));
    await this.bytes(24);
  }

  send(bytes: Buffer): void {
    this.socket.write(frame(2, bytes));
  }

  async bytes(length: number): Promise<Buffer> {
    await this.#until(() => this.#bytes.length >= length);
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  async echo(): Promise<void> {
    this.send(key);
    await this.bytes(key.length);
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(chunk: Buffer): void {
    this.#raw = this.#raw.length === 0 ? chunk : Buffer.concat([this.#raw, chunk]);
    while (this.#isOpen && this.#takeFrame());
    this.#wake();
  }

  #takeFrame(): boolean {
    const [first = 0, second = 0] = this.#raw;
    const start = second === 127 ? 10 : second === 126 ? 4 : 2;
    if (this.#raw.length < start) return false;
    const length = second === 127 ? this.#raw.readUInt32BE(6) : second === 126 ? this.#raw.readUInt16BE(2) : second;
    if (this.#raw.length < start + length) return false;
    const payload = this.#raw.subarray(start, start + length);
    this.#raw = this.#raw.subarray(start + length);
    if ((first & 15) === 1) this.#texts.push(payload.toString());
    else if ((first & 15) === 9) this.socket.write(frame(10, payload));
    else if ((first & 15) === 2) {
      this.#bytes = this.#bytes.length === 0 ? payload : Buffer.concat([this.#bytes, payload]);
    }
    return true;
  }
}

async function opened(isOwn = side === 'own', at = port): Promise<Viewer> {
  const viewer = new Viewer(isOwn, at);
  await viewer.open();
  return viewer;
}

async function measureOpen(times: number): Promise<number[]> {
  const values: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const start = performance.now();
    const viewer = await opened();
    values.push(performance.now() - start);
    viewer.socket.destroy();
  }
  return values;
}

/** In turns, so that both meet the same load of the machine. */
async function measureRoundTrips(times: number): Promise<Record<'own' | 'peer', number[]>> {
  const viewers = { own: await opened(true, port), peer: await opened(false, more) };
  const values: Record<'own' | 'peer', number[]> = { own: [], peer: [] };
  for (let time = -200; time < times; time += 1) {
    for (const which of ['own', 'peer'] as const) {
      const start = performance.now();
      await viewers[which].echo();
      if (time >= 0) values[which].push(performance.now() - start);
    }
  }
  return values;
}

/** The bytes are counted with the headers of their frames, which are some in 65,536. */
async function measureThroughput(mebibytes: number): Promise<number> {
  const viewer = await opened();
  viewer.socket.removeAllListeners('data');
  const request = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  request.writeUInt16BE(mebibytes, 6);
  const start = performance.now();
  let left = mebibytes * 1_048_576;
  const done = new Promise<void>((resolve) => {
    viewer.socket.on('data', (chunk) => {
      left -= chunk.length;
      if (left <= 0) resolve();
    });
  });
  viewer.send(request);
  await done;
  const rate = mebibytes / ((performance.now() - start) / 1000);
  viewer.socket.destroy();
  return rate;
}

async function hold(times: number): Promise<number> {
  const viewers: Viewer[] = [];
  while (viewers.length < times) {
    const some = Math.min(20, times - viewers.length);
    viewers.push(...(await Promise.all(Array.from({ length: some }, () => opened()))));
  }
  process.stdout.write('held\n');
  await new Promise((resolve) => setTimeout(resolve, Number(more) * 1000));
  let answered = 0;
  for (const viewer of viewers) {
    await viewer.echo();
    answered += 1;
  }
  return answered;
}

const work: Readonly<Record<string, (count: number) => Promise<unknown>>> = {
  open: measureOpen,
  'round-trip': measureRoundTrips,
  throughput: measureThroughput,
  hold,
};
const result = await work[what]?.(Number(count));
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
