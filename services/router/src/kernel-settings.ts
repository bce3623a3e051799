// Reads and writes kernel settings, by sysctl(8) in the router's network namespace, or, where the agent itself is in it, in
// /proc/sys without a process: in a VM under emulation a process costs a tenth of a second.
import { writeFile } from 'node:fs/promises';
import type { Host } from '@isthmus/host';
import { parseSysctls, type Sysctl, sysctlText } from '@isthmus/templates/system';

/** Keys have slashes, such as `net/ipv4/ip_forward`. */
export interface KernelSettings {
  /** Values by key; a key that the kernel does not have is absent. */
  read(keys: readonly string[]): Promise<Map<string, string>>;
  /** Writes what the kernel takes, and answers with its words on the rest; '' where it took all. A key that it lacks is none. */
  write(settings: readonly Pick<Sysctl, 'key' | 'value'>[]): Promise<string>;
}

function byCommand({ commands }: Pick<Host, 'commands'>): KernelSettings {
  return {
    read: async (keys) => {
      const { stdout } = await commands.run('sysctl', ['-e', ...keys], { okCodes: [0, 1, 255] });
      return parseSysctls(stdout);
    },
    write: async (settings) => {
      const input = sysctlText(settings);
      const { stderr } = await commands.run('sysctl', ['-e', '-q', '-p', '-'], { input, okCodes: [0, 1, 255] });
      return stderr.trim();
    },
  };
}

async function writeOne({ key, value }: Pick<Sysctl, 'key' | 'value'>): Promise<string[]> {
  try {
    await writeFile(`/proc/sys/${key}`, value, { flag: 'r+' });
    return [];
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return isAbsent ? [] : [`${key}: ${String(error)}`];
  }
}

function byFile({ files }: Pick<Host, 'files'>): KernelSettings {
  return {
    read: async (keys) => {
      const texts = await Promise.all(keys.map((key) => files.readTextIfExists(`/proc/sys/${key}`)));
      return new Map(
        texts.flatMap((text, index) => (text === null ? [] : [[keys[index] ?? '', text.trim()] as const])),
      );
    },
    write: async (settings) => {
      const faults: string[] = [];
      // In order: a value of `all` may set those of the interfaces.
      for (const setting of settings) faults.push(...(await writeOne(setting)));
      return faults.join('; ');
    },
  };
}

/** `isInside`: this process is in the router's network namespace itself. */
export function kernelSettings(host: Pick<Host, 'commands' | 'files'>, isInside: boolean): KernelSettings {
  return isInside ? byFile(host) : byCommand(host);
}
