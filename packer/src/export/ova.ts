// An OVA: one archive of the OVF descriptor, the manifest of hashes and the VMDK, in this order.
import { createHash } from 'node:crypto';
import { fileDigest } from '../file-digest.ts';
import { type OvfMachine, ovfText } from './ovf.ts';
import { writeTar } from './tar.ts';

/** Writes the OVA of a machine whose disk is the stream-optimised VMDK at `vmdk`. `epoch`: date of its members. */
export async function writeOva(
  path: string,
  vmdk: string,
  machine: Omit<OvfMachine, 'diskFile' | 'diskBytes'>,
  epoch: number,
): Promise<void> {
  const diskFile = `${machine.name}-disk0.vmdk`;
  const disk = await fileDigest(vmdk);
  const descriptor = ovfText({ ...machine, diskFile, diskBytes: disk.bytes });
  const ovf = `${machine.name}.ovf`;
  const hashes = [
    [ovf, createHash('sha256').update(descriptor).digest('hex')],
    [diskFile, disk.sha256],
  ];
  const manifest = hashes.map(([name, hash]) => `SHA256(${name})= ${hash}\n`).join('');
  await writeTar(
    path,
    [
      { name: ovf, content: { text: descriptor } },
      { name: `${machine.name}.mf`, content: { text: manifest } },
      { name: diskFile, content: { path: vmdk } },
    ],
    epoch,
  );
}
