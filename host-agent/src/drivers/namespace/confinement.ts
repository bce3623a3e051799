// What a process that speaks to the internet holds of the machine: the network of its own namespace, and its own folders.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';

/** NICs, packet filters and low ports; they count for its own network namespace alone, since it can enter no other. */
const capabilities = '+net_admin,+net_raw,+net_bind_service';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const openFilesLimit = 65_536;
/** No file that it writes grows beyond it, its log neither. */
const fileLimitBytes = 64 * 1024 * 1024;
const processLimit = 256;
/** Where memory is short it ends before the host agent, routers and guests do: another proxy takes its sessions over. */
const oomScore = 200;

/** User ids that no account and no container manager of a Linux machine has (systemd, "Users, Groups, UIDs and GIDs"). */
const [firstUser, users] = [0x7000_0000, 0x0800_0000];

/** The user (and group) of an appliance's process: of its own, always the same. */
export function userOf(installation: string, id: string): number {
  return firstUser + (createHash('sha256').update(`${installation}/${id}`).digest().readUInt32BE(0) % users);
}

/** True where a process without privileges may read the file, along each folder of its path. */
export async function isForAll(file: string): Promise<boolean> {
  let each = await realpath(file);
  if ((statSync(each).mode & 0o004) === 0) return false;
  while (each !== '/') {
    each = dirname(each);
    if ((statSync(each).mode & 0o001) === 0) return false;
  }
  return true;
}

/** How many files this process may at most have open (proc_pid_limits(5)): what it starts may have no more. */
function hardLimitOfFiles(): number {
  const [, hard = ''] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === 'unlimited' ? openFilesLimit : Math.min(Number(hard), openFilesLimit);
}

/** The command that becomes `command` as that user, with a clean environment, few capabilities and bounded resources. */
export function confined(user: number, command: readonly string[]): string[] {
  const files = hardLimitOfFiles();
  // The superuser may have as many processes as there are.
  const processes = user === 0 ? [] : [`--nproc=${processLimit}`];
  return [
    ...['env', '-i', `PATH=${path}`, 'LC_ALL=C'],
    ...['choom', '-n', String(oomScore), '--'],
    ...['prlimit', '--core=0', `--nofile=${files}:${files}`, `--fsize=${fileLimitBytes}`, ...processes, '--'],
    ...['setpriv', '--reuid', String(user), '--regid', String(user), '--clear-groups', '--no-new-privs'],
    ...['--bounding-set', `-all,${capabilities}`, '--inh-caps', `-all,${capabilities}`],
    ...['--ambient-caps', `-all,${capabilities}`, '--'],
    ...command,
  ];
}
