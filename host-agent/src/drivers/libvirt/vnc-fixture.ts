// A VNC client for tests, up to the end of the security handshake (RFC 6143, 7.1).
import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

async function take(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes: unknown = socket.read(length);
    if (bytes instanceof Buffer) return bytes;
    if (socket.readableEnded || socket.destroyed) throw new Error(`the server ended before ${length} more bytes`);
    await Promise.race([once(socket, 'readable'), once(socket, 'end')]);
  }
}

/** DES with the bits of each byte of the key in the other order (RFC 6143, 7.2.2). */
function answerTo(challenge: Buffer, password: string): Buffer {
  const key = Buffer.alloc(8);
  key.write(password, 'latin1');
  for (const [index, byte] of key.entries()) {
    key[index] = Number.parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2);
  }
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([key, key, key]), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

/** What the server at a Unix socket offers, and whether it lets in who shows `password` (null: security type None). */
export async function knockVnc(
  path: string,
  password: string | null,
): Promise<{ readonly types: readonly number[]; readonly isIn: boolean }> {
  const socket = connect({ path });
  socket.on('error', () => socket.destroy());
  try {
    const version = await take(socket, 12);
    socket.write(version);
    const [count = 0] = await take(socket, 1);
    const types = [...(await take(socket, count))];
    const type = password === null ? 1 : 2;
    if (!types.includes(type)) return { types, isIn: false };
    socket.write(Buffer.from([type]));
    if (password !== null) socket.write(answerTo(await take(socket, 16), password));
    return { types, isIn: (await take(socket, 4)).readUInt32BE() === 0 };
  } finally {
    socket.destroy();
  }
}
