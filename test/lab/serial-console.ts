// Commands inside a guest VM, through the root shell on its first serial port.
//
//   const console = new SerialConsole(() => path)
//   const {stdout, exitCode} = await console.run('ip', ['address'])
//   const host = console.host(machine)        a Host whose commands run in the guest; it has no files
//
// What the kernel writes in between does not matter: output comes as marked lines of base64 with a checksum, and is asked
// for again where it does not add up. One command runs at a time.
import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { CommandError, type CommandOptions, type CommandResult, commandLine, type Host } from '@isthmus/host';

/** A line longer than this does not pass the terminal's line editor (4,096 bytes). */
const inputLineLength = 900;
const defaultTimeoutMs = 30_000;
const attempts = 5;

/** A word as the shell reads it. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A connection to the console for one command; the console admits one at a time. */
class Line {
  readonly #socket: Socket;
  readonly #end: number;
  #text = '';
  #wake: () => void = () => undefined;
  #error: Error | null = null;

  constructor(path: string, timeoutMs: number) {
    this.#end = performance.now() + timeoutMs;
    this.#socket = connect(path);
    this.#socket.setEncoding('utf8').on('data', (part: string) => {
      this.#text += part;
      this.#wake();
    });
    const fail = (error: Error) => {
      this.#error = error;
      this.#wake();
    };
    this.#socket.on('error', fail);
    this.#socket.on('close', () => fail(new Error(`the console ${path} was closed`)));
  }

  say(line: string): void {
    this.#socket.write(`${line}\n`);
  }

  /** Ends what the shell reads or runs: Ctrl-C, and the line that is half typed. */
  interrupt(): void {
    this.#socket.write('\u0003\u0015');
  }

  /** What was read up to and with the first match. Null where there is none in time. */
  async heard(pattern: RegExp, timeoutMs = Number.POSITIVE_INFINITY): Promise<RegExpExecArray | null> {
    const end = Math.min(this.#end, performance.now() + timeoutMs);
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) {
        const before = this.#text.slice(0, match.index);
        this.#text = this.#text.slice(match.index + match[0].length);
        match.input = before;
        return match;
      }
      if (this.#error !== null) throw this.#error;
      const leftMs = end - performance.now();
      if (leftMs <= 0) return null;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, 1000));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#socket.removeAllListeners('close').destroy();
  }
}

export class SerialConsole {
  readonly #path: () => string | Promise<string>;
  #turn: Promise<unknown> = Promise.resolve();

  /** `path` answers with the Unix socket of the serial port. */
  constructor(path: () => string | Promise<string>) {
    this.#path = path;
  }

  /** As CommandRunner.run, besides `user`, `cwd` and `signal`. The command's time begins when the shell answers. */
  run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const result = this.#turn.then(() => this.#run(file, args, options));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** A Host whose commands run in the guest. Its clock and log are the machine's; it has no files and keeps no daemons. */
  host(machine: Host): Host {
    const none = () => Promise.reject(new Error('a guest VM is reached by its console alone'));
    return {
      ...machine,
      commands: {
        run: (file, args, options) => this.run(file, args, options),
        startDaemon: none,
        isRunning: none,
        signal: () => false,
      },
      files: {
        readText: async (path) => (await this.run('cat', [path])).stdout,
        readTextIfExists: none,
        writeText: none,
        appendText: none,
        remove: none,
        rename: none,
        makeDirectory: none,
        list: none,
        exists: none,
      },
    };
  }

  async #run(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const line = new Line(await this.#path(), timeoutMs + 30_000);
    const words = commandLine(file, args);
    const failed = (outcome: { exitCode: number | null; timedOut: boolean; stdout: string; stderr: string }) =>
      new CommandError(`${words} (in a guest)`, outcome);
    try {
      const mark = await this.#greet(line);
      if (mark === null) throw failed({ exitCode: null, timedOut: true, stdout: '', stderr: 'no shell answers' });
      await this.#send(line, mark, options.input ?? '');
      const began = performance.now();
      const environment = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${quoted(value)} `);
      const command = [file, ...args].map(quoted).join(' ');
      const script = `${environment.join('')}${command} </tmp/.in >/tmp/.out 2>/tmp/.err`;
      await this.#type(line, mark, script);
      line.say(`sh /tmp/.text; code=$?; echo; echo "${mark}":exit:$code:`);
      const end = await line.heard(new RegExp(`^${mark}:exit:(\\d+):`, 'm'), timeoutMs);
      if (end === null) {
        line.interrupt();
        throw failed({ exitCode: null, timedOut: true, stdout: '', stderr: '' });
      }
      const durationMs = performance.now() - began;
      const exitCode = Number(end[1]);
      const [stdout, stderr] = [await this.#fetch(line, mark, 'out'), await this.#fetch(line, mark, 'err')];
      if (!(options.okCodes ?? [0]).includes(exitCode)) throw failed({ exitCode, timedOut: false, stdout, stderr });
      return { stdout, stderr, exitCode, durationMs };
    } finally {
      line.close();
    }
  }

  /** Gets the shell's attention; answers with the mark of this command's lines. */
  async #greet(line: Line): Promise<string | null> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const mark = `m${randomBytes(6).toString('hex')}`;
      line.interrupt();
      line.say('');
      // Two words that join only where the shell has read them, so that an echo is not taken for an answer.
      line.say(`stty -echo; dmesg -n 1; echo; echo ${mark.slice(0, 4)}""${mark.slice(4)}:ready:`);
      if ((await line.heard(new RegExp(`^${mark}:ready:`, 'm'), 6000)) !== null) return mark;
    }
    return null;
  }

  /** Puts a text into /tmp/.text. */
  async #type(line: Line, mark: string, text: string): Promise<void> {
    const encoded = Buffer.from(text).toString('base64');
    const parts = encoded.match(new RegExp(`.{1,${inputLineLength}}`, 'g')) ?? [];
    const sum = createHash('md5').update(text).digest('hex');
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      line.say('rm -f /tmp/.b64');
      for (const [index, part] of parts.entries()) {
        line.say(`echo ${part} >>/tmp/.b64; echo; echo "${mark}":part:${index}:`);
        await line.heard(new RegExp(`^${mark}:part:${index}:`, 'm'), 10_000);
      }
      line.say(`base64 -d </tmp/.b64 >/tmp/.text; echo; echo "${mark}":sum:$(md5sum </tmp/.text):`);
      const answer = await line.heard(new RegExp(`^${mark}:sum:([0-9a-f]{32})`, 'm'), 10_000);
      if (answer?.[1] === sum) return;
    }
    throw new Error('the console does not take the text whole');
  }

  /** Puts the command's standard input into /tmp/.in. */
  async #send(line: Line, mark: string, input: string): Promise<void> {
    if (input !== '') await this.#type(line, mark, input);
    line.say(input === '' ? ': >/tmp/.in' : 'mv /tmp/.text /tmp/.in');
  }

  /** Reads /tmp/.out or /tmp/.err. */
  async #fetch(line: Line, mark: string, name: 'out' | 'err'): Promise<string> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const tag = `${mark}:${name}${attempt}`;
      line.say(`echo; base64 </tmp/.${name} | awk '{print "${tag}:" $0 ":"}'; echo "${tag}"=$(md5sum </tmp/.${name})=`);
      const end = await line.heard(new RegExp(`^${tag}=([0-9a-f]{32})`, 'm'), 60_000);
      const lines = end?.input.matchAll(new RegExp(`^${tag}:([A-Za-z0-9+/=]*):\\r*$`, 'gm')) ?? [];
      const bytes = Buffer.from([...lines].map(([, part]) => part).join(''), 'base64');
      if (end?.[1] === createHash('md5').update(bytes).digest('hex')) return bytes.toString('utf8');
    }
    throw new Error('the console does not give the output whole');
  }
}
