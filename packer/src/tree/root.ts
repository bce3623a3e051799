// The root of an appliance: the packages' files, less what nobody reads, with what the manifest adds.
import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type ApplianceManifest, appliancesFolder } from '@isthmus/appliances';
import type { Host } from '@isthmus/host';
import { isThere, normaliseModes, writeImageFiles, writeLink } from './files.ts';
import { busyboxApplets } from './initramfs.ts';
import { installModules } from './modules.ts';
import { writeSnapshot } from './snapshot.ts';
import { walkTree } from './walk.ts';

const programFolders = ['/usr/bin', '/usr/sbin'];

/** Removes what the manifest strips. Copyright files stay: whoever passes the image on has to pass them on too. */
async function strip(root: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(root + path.replace(/\/$/, ''), { recursive: true, force: true });
  const documents = `${root}/usr/share/doc`;
  for (const { kind, path } of await walkTree(documents)) {
    if (kind !== 'folder' && !path.endsWith('/copyright')) await rm(documents + path, { force: true });
  }
}

/** A link to busybox for each of its programs that no package brought. */
async function linkBusybox(host: Host, root: string): Promise<void> {
  const there = new Set((await Promise.all(programFolders.map((folder) => readdir(root + folder)))).flat());
  for (const name of await busyboxApplets(host, `${root}/usr/bin/busybox`)) {
    if (!there.has(name)) await writeLink(`${root}/usr/bin/${name}`, 'busybox');
  }
  await writeLink(`${root}/usr/sbin/init`, '../bin/busybox');
}

/** What update-alternatives would choose at installation. */
async function linkAlternatives(root: string): Promise<void> {
  for (const name of [
    'iptables',
    'iptables-save',
    'iptables-restore',
    'ip6tables',
    'ip6tables-save',
    'ip6tables-restore',
  ]) {
    if (await isThere(`${root}/usr/sbin/xtables-nft-multi`))
      await writeLink(`${root}/usr/sbin/${name}`, 'xtables-nft-multi');
  }
}

/** The roots that TLS clients trust, as update-ca-certificates would join them. */
async function joinCertificates(root: string): Promise<void> {
  const folder = `${root}/usr/share/ca-certificates/mozilla`;
  if (!(await isThere(folder))) return;
  const names = (await readdir(folder)).filter((name) => name.endsWith('.crt')).sort();
  const texts = await Promise.all(names.map((name) => readFile(`${folder}/${name}`, 'utf8')));
  await mkdir(`${root}/etc/ssl/certs`, { recursive: true });
  await writeFile(`${root}/etc/ssl/certs/ca-certificates.crt`, texts.join(''));
}

/** The programs that boot an appliance, appliances/base/boot/: all but the initramfs' own. */
async function installBoot(root: string): Promise<void> {
  const from = `${appliancesFolder}base/boot`;
  const to = `${root}/usr/lib/isthmus/boot`;
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    if (name === 'initramfs-init') continue;
    const { mode } = await stat(`${from}/${name}`);
    await copyFile(`${from}/${name}`, `${to}/${name}`);
    // Git keeps the executable bit; the others are the umask of whoever checked the files out.
    await chmod(`${to}/${name}`, (mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

const ownFolder = '/usr/lib/isthmus';

async function installNode(from: string, root: string): Promise<void> {
  await copyFile(from, `${root}${ownFolder}/node`);
  await chmod(`${root}${ownFolder}/node`, 0o755);
}

/** The service in one file. What boots an appliance is the same in each role, and starts it by the name `appliance`. */
async function installService(from: string, root: string, role: string): Promise<void> {
  await copyFile(from, `${root}${ownFolder}/${role}.mjs`);
  await writeLink(`${root}${ownFolder}/appliance.mjs`, `${role}.mjs`);
}

async function installSnapshot(host: Host, root: string, role: string): Promise<void> {
  const own = `${ownFolder}/${role}`;
  await writeSnapshot(host, root, { node: `${ownFolder}/node`, bundle: `${own}.mjs`, blob: `${own}.blob` });
  await writeLink(`${root}${ownFolder}/appliance.blob`, `${role}.blob`);
}

/** Makes `root`, where the packages lie unpacked, into the root of the appliance. */
export async function buildRoot(
  host: Host,
  manifest: ApplianceManifest,
  from: { readonly modules: string; readonly node: string; readonly bundle: string; readonly status: string },
  root: string,
): Promise<void> {
  if (manifest.root === null) throw new Error(`${manifest.role} has no root`);
  await strip(root, manifest.strip);
  await rm(`${root}/dev`, { recursive: true, force: true });
  for (const path of manifest.folders) await mkdir(root + path, { recursive: true });
  await linkBusybox(host, root);
  await linkAlternatives(root);
  await joinCertificates(root);
  await installBoot(root);
  await installModules(host, from.modules, manifest.root.modules, root);
  await installNode(from.node, root);
  const { service } = manifest.root;
  if (service !== null) await installService(from.bundle, root, manifest.role);
  if (service?.snapshot === true) await installSnapshot(host, root, manifest.role);
  await mkdir(`${root}/var/lib/dpkg`, { recursive: true });
  await writeFile(`${root}/var/lib/dpkg/status`, from.status);
  await normaliseModes(root);
  await chmod(`${root}/tmp`, 0o1777);
  await chmod(`${root}/root`, 0o700);
  await writeImageFiles(root, manifest.files);
  for (const [path, target] of Object.entries(manifest.links)) await writeLink(root + path, target);
}
