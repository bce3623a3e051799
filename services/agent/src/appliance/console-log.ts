// The log of an appliance: a JSON line each on standard error, which svlogd keeps in bounds, and what people look for on the
// serial console too, so that the host can show it. Without a framework, which costs a slow processor half a second.
import type { Log } from '@isthmus/host';

type Level = 'debug' | 'info' | 'warn' | 'error';
type Fields = Readonly<Record<string, unknown>>;

/** Fields that a caller should never log; a last line of defence for those that do. */
const secretNames = new Set(['password', 'privateKey', 'pendingKey', 'secret', 'token', 'authorization']);
/** More lines than these in a minute are left out of the console, which nothing bounds. */
const consoleLinesAMinute = 60;

function plain(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const cause = value.cause === undefined ? {} : { cause: plain(value.cause) };
  return { name: value.name, message: value.message, stack: value.stack, ...cause };
}

function json(level: Level, message: string, fields: Fields): string {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    secretNames.has(name) ? '[secret]' : plain(value),
  ]);
  return `${JSON.stringify({ level, time: Date.now(), ...Object.fromEntries(entries), msg: message })}\n`;
}

/** A line for people: an error's first line, plain values, nothing that breaks a line. */
export function consoleLine(message: string, fields: Fields): string {
  const words = Object.entries(fields).flatMap(([name, value]) => {
    if (secretNames.has(name) || value === undefined || value === null) return [];
    const text = value instanceof Error ? value.message.split('\n', 1)[0] : value;
    return typeof text === 'object' ? [] : [`${name}: ${String(text)}`];
  });
  const text = words.length === 0 ? message : `${message} (${words.join(', ')})`;
  // Control characters of a tenant's text must not drive a terminal.
  return `isthmus: ${text.replace(/[^\x20-\x7e]/g, '?').slice(0, 400)}\n`;
}

/** Where lines go. */
export interface LogSinks {
  readonly write: (line: string) => void;
  readonly console: (line: string) => void;
}

/** A log whose warnings and errors, and `announce`, reach the console. */
export interface ConsoleLog extends Log {
  /** Something that whoever reads the console waits for, such as `serving`. */
  announce(message: string, fields?: Fields): void;
}

export function createConsoleLog(sinks: LogSinks, now: () => number = Date.now): ConsoleLog {
  let minute = 0;
  let lines = 0;
  const print = (message: string, fields: Fields) => {
    const current = Math.floor(now() / 60_000);
    if (current !== minute) [minute, lines] = [current, 0];
    lines += 1;
    if (lines <= consoleLinesAMinute) sinks.console(consoleLine(message, fields));
  };
  const make = (own: Fields): ConsoleLog => {
    const write = (level: Level, message: string, fields: Fields = {}) => {
      const all = { ...own, ...fields };
      sinks.write(json(level, message, all));
      if (level === 'warn' || level === 'error') print(message, all);
    };
    return {
      debug: () => {},
      info: (message, fields) => write('info', message, fields),
      warn: (message, fields) => write('warn', message, fields),
      error: (message, fields) => write('error', message, fields),
      announce: (message, fields = {}) => {
        sinks.write(json('info', message, { ...own, ...fields }));
        print(message, { ...own, ...fields });
      },
      child: (fields) => make({ ...own, ...fields }),
    };
  };
  return make({});
}
