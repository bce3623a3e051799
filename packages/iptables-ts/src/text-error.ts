import { InvalidValueError } from '@isthmus/net';

/** A line of iptables-save or `ipset save` text that is not understood. */
export class IptablesTextError extends Error {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;

  constructor(line: number, text: string, reason: string, options?: ErrorOptions) {
    super(`line ${line}, ${JSON.stringify(text)}: ${reason}`, options);
    this.name = 'IptablesTextError';
    this.line = line;
    this.text = text;
  }

  /** Runs a reader of one line; a RangeError or InvalidValueError from it becomes an IptablesTextError. */
  static at<Result>(line: number, text: string, read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof InvalidValueError)) throw error;
      throw new IptablesTextError(line, text, error.message, { cause: error });
    }
  }
}
