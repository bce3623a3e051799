import { appendFile, chmod, readFile } from 'node:fs/promises';
import type { ImageText } from '@isthmus/appliances';
import { ImageBuildError } from '../image-build-error.ts';
import { writeImageFiles } from './files.ts';

/** A host key is made anew at each start: an image holds none. */
const server = `#!/usr/bin/busybox sh
# The SSH server of an image built with --debug.
mkdir -p /run/sshd
[ -e /run/sshd/host-key ] || /usr/bin/ssh-keygen -q -t ed25519 -N '' -f /run/sshd/host-key
exec /usr/sbin/sshd -D -e
`;

const configuration = `HostKey /run/sshd/host-key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
Subsystem sftp internal-sftp
`;

/** Reads a public key of OpenSSH. Throws ImageBuildError where the file holds none. */
export async function readDebugKey(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ImageBuildError(`--debug-key ${path}: ${error instanceof Error ? error.message : 'it cannot be read'}`);
  });
  if (!/^(?:ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/=]+(?: .*)?\n?$/.test(text)) {
    throw new ImageBuildError(`--debug-key ${path}: expected one public key of OpenSSH, such as ~/.ssh/id_ed25519.pub`);
  }
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** Opens a root by SSH to the holder of `key`. */
export async function openForDebugging(root: string, key: string): Promise<void> {
  const files: ImageText[] = [
    { path: '/etc/ssh/sshd_config', text: configuration },
    { path: '/root/.ssh/authorized_keys', text: key, mode: 0o600 },
    { path: '/usr/lib/isthmus/boot/debug-ssh', text: server, mode: 0o755 },
  ];
  await writeImageFiles(root, files);
  await chmod(`${root}/root/.ssh`, 0o700);
  await appendFile(`${root}/etc/inittab`, '::respawn:/usr/lib/isthmus/boot/debug-ssh\n');
  await appendFile(`${root}/etc/passwd`, 'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n');
  await appendFile(`${root}/etc/shadow`, 'sshd:*:19000:0:99999:7:::\n');
}
