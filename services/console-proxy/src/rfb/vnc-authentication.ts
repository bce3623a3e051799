// VNC authentication (RFC 6143 7.2.2): a challenge encrypted by DES with the password as its key.
import { createCipheriv } from 'node:crypto';

function reversed(byte: number): number {
  let [from, to] = [byte, 0];
  for (let bit = 0; bit < 8; bit += 1) {
    to = (to << 1) | (from & 1);
    from >>= 1;
  }
  return to;
}

/**
 * The 16 bytes that answer a challenge of 16. The first 8 bytes of the password count, each with its bits reversed. DES
 * alone is gone from OpenSSL; triple DES with one key three times is the same.
 */
export function answerChallenge(challenge: Buffer, password: string): Buffer {
  const key = Buffer.alloc(8);
  Buffer.from(password, 'utf8').copy(key, 0, 0, 8);
  const bits = key.map(reversed);
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([bits, bits, bits]), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}
