// Whether this machine can run a benchmark at all.
import { randomBytes } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import { CommandError, createHost, silentLog } from '@isthmus/host';
import { CannotRunError } from './result.ts';

async function isInstalled(program: string): Promise<boolean> {
  const directories = (process.env.PATH ?? '').split(':').concat('/usr/sbin', '/sbin');
  const found = await Promise.all(
    directories.map((directory) =>
      access(`${directory}/${program}`, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/** Throws CannotRunError where one of the programs is missing, or network namespaces cannot be made. */
export async function requireMachine(programs: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw new CannotRunError('network namespaces need root');
  for (const program of ['ip', 'nsenter', 'iptables-restore', 'ipset', 'conntrack', 'dnsmasq', ...programs]) {
    if (!(await isInstalled(program))) throw new CannotRunError(`${program} is not installed`);
  }
  const { commands } = createHost({ log: silentLog });
  const name = `itb${randomBytes(4).toString('hex')}`;
  try {
    await commands.run('ip', ['netns', 'add', name]);
    await commands.run('ip', ['netns', 'delete', name]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CannotRunError(`a network namespace cannot be made: ${error.stderr.trim()}`, { cause: error });
  }
}
