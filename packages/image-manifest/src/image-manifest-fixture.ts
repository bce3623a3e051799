import { generateKeyPairSync } from 'node:crypto';
import type { ImageManifest } from './schema.ts';

/** A sound manifest. */
export const soundManifest: ImageManifest = {
  schema: 1,
  role: 'router',
  version: '0.1.0',
  architecture: 'amd64',
  debian: 'bookworm',
  sourceDateEpoch: 1_700_000_000,
  debug: false,
  lockSha256: 'a'.repeat(64),
  kernelCommandLine: 'console=ttyS0 ro quiet',
  requirements: { cpus: 1, memoryBytes: 268_435_456 },
  disk: { virtualBytes: 536_870_912 },
  files: [
    { name: 'router.qcow2', kind: 'qcow2', bytes: 1000, sha256: 'b'.repeat(64) },
    { name: 'router.vmlinuz', kind: 'kernel', bytes: 100, sha256: 'c'.repeat(64) },
  ],
};

/** A new Ed25519 key pair in PEM. */
export function newKeys(): { publicPem: string; privatePem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
