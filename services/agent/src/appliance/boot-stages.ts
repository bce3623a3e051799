// When each stage of the boot ended, and how much memory is in use.
import type { BootReport } from '@isthmus/contract';
import type { Clock, Files } from '@isthmus/host';

const uptimePath = '/proc/uptime';

function uptimeMs(text: string): number {
  return Math.round(Number(text.split(' ', 1)[0]) * 1000);
}

/** Stages that the programs before Node noted: a line each, its name and the seconds since the kernel's start. */
export function parseStages(text: string): BootReport['stages'] {
  return text.split('\n').flatMap((line) => {
    const [, stage, seconds] = /^([a-z][a-z ]*) (\d+(?:\.\d+)?)$/.exec(line) ?? [];
    return stage === undefined || seconds === undefined ? [] : [{ stage, atMs: Math.round(Number(seconds) * 1000) }];
  });
}

/** Bytes of memory that could not be given to another program; /proc/meminfo counts in KiB. */
export function usedBytes(meminfo: string): number {
  const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0);
  return (kibibytes('MemTotal') - kibibytes('MemAvailable')) * 1024;
}

export class BootStages {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #version: string;
  readonly #stages: { readonly stage: string; readonly atMs: number }[];
  /** Milliseconds from the kernel's start to the zero of the clock. */
  readonly #offsetMs: number;

  private constructor(files: Files, clock: Clock, version: string, noted: BootReport['stages'], offsetMs: number) {
    this.#files = files;
    this.#clock = clock;
    this.#version = version;
    this.#stages = [...noted];
    this.#offsetMs = offsetMs;
  }

  /** Takes over what `path` notes. */
  static async begin(files: Files, clock: Clock, version: string, path: string): Promise<BootStages> {
    const offsetMs = uptimeMs(await files.readText(uptimePath)) - clock.monotonicMs();
    const noted = parseStages((await files.readTextIfExists(path)) ?? '');
    return new BootStages(files, clock, version, noted, offsetMs);
  }

  /** The stage ended now. Only its first end counts. */
  end(stage: string): void {
    if (this.#stages.some((each) => each.stage === stage)) return;
    this.#stages.push({ stage, atMs: Math.max(0, Math.round(this.#clock.monotonicMs() + this.#offsetMs)) });
  }

  /** The stages as a line for people, such as `kernel 1.2 s, init 1.6 s`. */
  summary(): string {
    return this.#stages.map(({ stage, atMs }) => `${stage} ${(atMs / 1000).toFixed(2)} s`).join(', ');
  }

  async report(): Promise<BootReport> {
    const memoryUsedBytes = usedBytes(await this.#files.readText('/proc/meminfo'));
    return { version: this.#version, stages: [...this.#stages], memoryUsedBytes };
  }
}
