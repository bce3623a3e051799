export interface WriteOptions {
  /** Permission bits, such as 0o600. Default 0o644. */
  readonly mode?: number;
}

/** The files of a machine. Paths are absolute. Errors are those of node:fs, with their `code`. */
export interface Files {
  readText(path: string): Promise<string>;
  /** Null where there is no such file. */
  readTextIfExists(path: string): Promise<string | null>;
  /** Atomic: a temporary file in the same directory, synced, renamed over `path`. */
  writeText(path: string, text: string, options?: WriteOptions): Promise<void>;
  /** Appends and syncs; makes a file that is absent, for its owner alone: journals hold secrets. */
  appendText(path: string, text: string): Promise<void>;
  /** Removes a file or a whole directory; no error where it is absent. */
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes a directory and those above it; no error where it is there. `mode` is its own: those above get 0755. */
  makeDirectory(path: string, options?: WriteOptions): Promise<void>;
  /** Names in a directory, sorted; empty where it is absent. */
  list(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
}
