// SSH keys: public keys in OpenSSH's format (RFC 4253, 6.6; RFC 5656; RFC 8709), and new pairs.
import { createHash, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { InvalidValueError } from '@isthmus/net';

/** A public key as an instance's authorized_keys takes it, and its fingerprint as CloudStack spells it. */
export interface SshPublicKey {
  /** One line: type, Base64, and the comment where there is one. */
  readonly line: string;
  /** MD5 of the key, hexadecimal with colons, as `ssh-keygen -l -E md5` has it. */
  readonly fingerprint: string;
}

const expected = 'one public key in OpenSSH format, such as ssh-ed25519 AAAA… comment';
const leastRsaBits = 1024;

/** Reads the strings and big numbers of a key: each its length in four bytes, then its bytes. */
function readFields(blob: Buffer): Buffer[] | null {
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length; ) {
    if (at + 4 > blob.length) return null;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return null;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

/** Bits of a positive big number; 0 for what is none. */
function bitsOf(number: Buffer | undefined): number {
  if (number === undefined || number.length === 0 || ((number[0] ?? 0) & 0x80) !== 0) return 0;
  const hex = number.toString('hex').replace(/^0+/, '');
  return hex === '' ? 0 : (hex.length - 1) * 4 + Number.parseInt(hex.slice(0, 1), 16).toString(2).length;
}

const pointBytes: Readonly<Record<string, number>> = { nistp256: 65, nistp384: 97, nistp521: 133 };

function isPoint(curve: string, fields: readonly Buffer[]): boolean {
  return fields[0]?.toString('latin1') === curve && fields[1]?.length === pointBytes[curve] && fields[1]?.[0] === 4;
}

/** Whether what follows the type in the key is such a key, and nothing more. */
const kinds: Readonly<Record<string, (fields: readonly Buffer[]) => boolean>> = {
  'ssh-rsa': (fields) => fields.length === 2 && bitsOf(fields[0]) >= 2 && bitsOf(fields[1]) >= leastRsaBits,
  'ssh-ed25519': (fields) => fields.length === 1 && fields[0]?.length === 32,
  'ecdsa-sha2-nistp256': (fields) => fields.length === 2 && isPoint('nistp256', fields),
  'ecdsa-sha2-nistp384': (fields) => fields.length === 2 && isPoint('nistp384', fields),
  'ecdsa-sha2-nistp521': (fields) => fields.length === 2 && isPoint('nistp521', fields),
  'sk-ssh-ed25519@openssh.com': (fields) => fields.length === 2 && fields[0]?.length === 32 && fields[1]?.length !== 0,
  'sk-ecdsa-sha2-nistp256@openssh.com': (fields) =>
    fields.length === 3 && isPoint('nistp256', fields) && fields[2]?.length !== 0,
};

function fingerprintOf(blob: Buffer): string {
  return (createHash('md5').update(blob).digest('hex').match(/../g) ?? []).join(':');
}

/**
 * Reads a public key: one line without options of authorized_keys, its type and its Base64 in agreement, the key of that
 * type's shape. Throws InvalidValueError.
 */
export function parseSshPublicKey(text: string): SshPublicKey {
  // A file ends with a line break, and the + of Base64 may come as a space; no comment follows then.
  const line = text.replace(/\r?\n$/, '');
  const [, type = '', base64 = '', comment = ''] =
    /^(\S+) ([A-Za-z0-9+/]+={0,2})(?: ([ -~]{0,255}))?$/.exec(line) ?? [];
  const blob = Buffer.from(base64, 'base64');
  const isCanonical = base64 !== '' && blob.toString('base64') === base64;
  const [own, ...fields] = readFields(blob) ?? [];
  const isKey = own?.toString('latin1') === type && Object.hasOwn(kinds, type) && kinds[type]?.(fields) === true;
  if (!isCanonical || !isKey) {
    const known = Object.keys(kinds).join(', ');
    throw new InvalidValueError(
      line.slice(0, 80),
      `${expected}; its type one of ${known}, RSA with ${leastRsaBits} bits or more`,
    );
  }
  return {
    line: comment.trim() === '' ? `${type} ${base64}` : `${type} ${base64} ${comment.trim()}`,
    fingerprint: fingerprintOf(blob),
  };
}

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A big number (RFC 4251, 5: mpint): a zero before a first bit that is set, since it is positive. */
function bigNumber(base64url: string | undefined): Buffer {
  const bytes = Buffer.from(base64url ?? '', 'base64url');
  return field(((bytes[0] ?? 0) & 0x80) === 0 ? bytes : Buffer.concat([Buffer.alloc(1), bytes]));
}

function rsaLine(key: KeyObject): string {
  const { e, n } = key.export({ format: 'jwk' });
  const blob = Buffer.concat([field(Buffer.from('ssh-rsa')), bigNumber(e), bigNumber(n)]);
  return `ssh-rsa ${blob.toString('base64')}`;
}

const generate = promisify(generateKeyPair);

/**
 * A new pair: RSA of 3,072 bits, its private key in PEM (PKCS #1), as CloudStack's clients expect it; OpenSSH and PuTTYgen
 * read it as it is.
 */
export async function newSshKeyPair(): Promise<SshPublicKey & { readonly privateKey: string }> {
  const { privateKey } = await generate('rsa', { modulusLength: 3072 });
  return {
    ...parseSshPublicKey(rsaLine(createPublicKey(privateKey))),
    privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  };
}
