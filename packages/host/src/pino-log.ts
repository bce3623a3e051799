import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { Log } from './log.ts';

export interface LogOptions {
  /** The least level that is written. Default `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Fields of every line. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Where the lines go, one JSON object each. Default standard error. */
  readonly destination?: DestinationStream;
}

/** Fields that a caller should never log; a last line of defence for those that do. */
const secretNames = [
  'password',
  'secretKey',
  'secretkey',
  'secret',
  'token',
  'sessionkey',
  'userData',
  'authorization',
];
const redacted = secretNames.flatMap((name) => [name, `*.${name}`]);

function wrap(logger: Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}

/** A log of JSON lines, written synchronously in this thread. An Error in `error` or `err` is written with its stack. */
export function createLog(options: LogOptions = {}): Log {
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { ...options.fields },
      redact: { paths: redacted, censor: '[secret]' },
      serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err },
    },
    options.destination ?? destination({ dest: 2, sync: true }),
  );
  return wrap(logger);
}

/** A log that writes nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
