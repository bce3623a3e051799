// For the tests of an appliance: an identity, and config drives made by xorriso.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigDrive } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';
import { parseInterfaceName, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import type { TestAuthority } from './certificates-fixture.ts';
import type { ApplianceIdentity } from './identity-store.ts';

export const installation = 'ab12';
export const id = '0b6f2f7e-8f59-4c2c-9a55-0d6f3a1b2c3d';
export const holder = { installation, role: 'appliance', id } as const;

/** A config drive of the appliance `id`, with a certificate of `authority`. */
export async function configOf(authority: TestAuthority, hours?: { from?: number; to?: number }): Promise<ConfigDrive> {
  const { certificate, privateKey } = await authority.issue(holder, hours);
  return {
    id,
    kind: 'router',
    bootstrap: { installation, privateKey, grant: authority.grant(certificate), push: null },
    control: {
      macAddress: parseMacAddress('02:00:00:00:00:0c'),
      address: parseIpv4Address('169.254.20.7'),
      prefixLength: 22,
      gateway: parseIpv4Address('169.254.20.1'),
    },
    nics: [{ name: parseInterfaceName('eth0'), macAddress: parseMacAddress('02:00:00:00:00:01') }],
  };
}

export function identityOf({ control, nics, bootstrap }: ConfigDrive): ApplianceIdentity {
  const { privateKey, grant } = bootstrap;
  return { id, installation, privateKey, grant, pendingKey: null, control, nics, driveSha256: 'a'.repeat(64) };
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A folder for one test, removed when it ends. */
export async function folderFor(t: { teardown(end: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-appliance-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes a disc of files by xorriso and answers with its path. `options`: of mkisofs. */
export async function makeDisc(
  folder: string,
  files: Readonly<Record<string, string>>,
  options: readonly string[] = ['-R', '-J'],
  volume = 'ISTHMUS',
): Promise<string> {
  const content = `${folder}/content`;
  await rm(content, { recursive: true, force: true });
  await mkdir(content);
  for (const [name, text] of Object.entries(files)) await writeFile(`${content}/${name}`, text);
  const disc = `${folder}/disc.iso`;
  const words = ['-as', 'mkisofs', '-quiet', '-V', volume, ...options, '-o', disc, content];
  await createHost({ log: silentLog }).commands.run('xorriso', words);
  return disc;
}

/** The files of a config drive. */
export function driveFiles(config: object): Record<string, string> {
  const text = `${JSON.stringify(config)}\n`;
  return { 'config.json': text, 'config.json.sha256': `${sha256(text)}\n` };
}
