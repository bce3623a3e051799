// What a root must not hold, and what it must: looked at in every build, before the disk is made.
import { readFile } from 'node:fs/promises';
import type { ApplianceManifest } from '@isthmus/appliances';
import { CommandError, type Host } from '@isthmus/host';
import { ImageBuildError } from '../image-build-error.ts';
import { type TreeEntry, walkTree } from './walk.ts';

const privileged = 0o6000;
/** Larger files are no keys. */
const keyBytesAtMost = 65_536;

const machineIds = ['/etc/machine-id', '/var/lib/dbus/machine-id', '/var/lib/systemd/random-seed'];

/** Accounts that a password could open: what stands in the field is neither `*` nor `!`. */
export function openAccounts(shadow: string): string[] {
  const rows = shadow.split('\n').filter((line) => line !== '');
  return rows.map((line) => line.split(':')).flatMap(([name = '', field]) => (/^[*!]/.test(field ?? '') ? [] : [name]));
}

async function privateKeys(root: string, entries: readonly TreeEntry[]): Promise<string[]> {
  const small = entries.filter((entry) => entry.kind === 'file' && entry.bytes <= keyBytesAtMost);
  const texts = await Promise.all(
    small.map(async ({ path }) => [path, await readFile(root + path, 'latin1')] as const),
  );
  return texts.flatMap(([path, text]) => (/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(text) ? [path] : []));
}

function faultsOfEntries(entries: readonly TreeEntry[], setuid: readonly string[], debug: boolean): string[] {
  const there = new Set(entries.map(({ path }) => path));
  const bits = entries.filter(({ kind, mode }) => kind === 'file' && (mode & privileged) !== 0).map(({ path }) => path);
  const faults = [
    ...bits.filter((path) => !setuid.includes(path)).map((path) => `${path} has a setuid or setgid bit`),
    ...machineIds.filter((path) => there.has(path)).map((path) => `${path} tells copies of the image apart`),
    ...entries
      .filter(({ kind, path, mode }) => kind === 'file' && (mode & 0o002) !== 0 && !path.startsWith('/tmp'))
      .map(({ path }) => `${path} can be written by everybody`),
  ];
  if (debug) return faults;
  const server = ['/usr/sbin/sshd', '/usr/sbin/dropbear', '/root/.ssh'].filter((path) => there.has(path));
  return [...faults, ...server.map((path) => `${path} is in an image without --debug`)];
}

/** Libraries of a program that the root lacks, as its own dynamic loader sees it; nothing of the program runs. */
async function missingLibraries(host: Host, root: string, program: string): Promise<string[]> {
  const loader = `${root}/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2`;
  const folders = `${root}/usr/lib/x86_64-linux-gnu`;
  try {
    const args = ['--inhibit-cache', '--library-path', folders, '--list', root + program];
    const { stdout } = await host.commands.run(loader, args);
    const lines = stdout.split('\n').filter((line) => line.includes('=>'));
    return lines.filter((line) => !line.includes(`=> ${root}/`)).map((line) => `${program}: library${line}`);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return /statically linked|not a dynamic executable|invalid ELF header/.test(error.stderr)
      ? []
      : [`${program}: ${error.stderr.trim()}`];
  }
}

/** Throws ImageBuildError that lists what is wrong with the root. */
export async function checkRoot(host: Host, manifest: ApplianceManifest, root: string, debug: boolean): Promise<void> {
  if (manifest.root === null) return;
  const { setuid, programs } = manifest.root;
  const entries = await walkTree(root);
  const paths = new Set(entries.map(({ path }) => path));
  const absent = programs.filter((path) => !paths.has(path));
  const dynamic = programs.filter((path) => paths.has(path) && path !== '/usr/bin/busybox');
  const faults = [
    ...absent.map((path) => `${path} is absent`),
    ...faultsOfEntries(entries, setuid, debug),
    ...openAccounts(await readFile(`${root}/etc/shadow`, 'utf8')).map((name) => `account ${name} is not locked`),
    ...(await privateKeys(root, entries)).map((path) => `${path} holds a private key`),
    ...(await Promise.all(dynamic.map((path) => missingLibraries(host, root, path)))).flat(),
  ];
  if (faults.length > 0) {
    throw new ImageBuildError(`the root of ${manifest.role} is not as it has to be:\n  ${faults.join('\n  ')}`);
  }
}
