// The handshake with an RFB server in a viewer's place (RFC 6143 7.1 to 7.3; versions 3.3, 3.7 and 3.8), so that no
// password and no address reaches the viewer. Everything that the server says is bounded.
import type { Duplex } from 'node:stream';
import type { RfbSecurity } from '@isthmus/contract';
import { RfbServerError, readBytes } from './byte-reader.ts';
import { startVencrypt } from './vencrypt.ts';
import { answerChallenge } from './vnc-authentication.ts';

const securityTypes = { None: 1, VncAuth: 2, VeNCrypt: 19 } as const;
type SecurityType = keyof typeof securityTypes;

/** Most pixels of a side, bytes of a name, and bytes of a failure's reason. */
const [sideLimit, nameLimit, reasonLimit] = [16_384, 4096, 1024];

/** An RFB server that waits for messages. `stream` is another one than was given where it is inside of TLS. */
export interface RfbServer {
  readonly stream: Duplex;
  /** ServerInit, as the server sent it. */
  readonly serverInit: Buffer;
}

/** Written by the server, for the log alone. */
async function reasonOf(stream: Duplex, signal: AbortSignal): Promise<string> {
  const length = (await readBytes(stream, 4, 'the length of a reason', signal)).readUInt32BE();
  if (length > reasonLimit) return `a reason of ${length} bytes, at most ${reasonLimit} are read`;
  const text = (await readBytes(stream, length, 'a reason', signal)).toString('latin1');
  return text.replaceAll(/[^ -~]/g, '?');
}

async function agreeOnVersion(stream: Duplex, signal: AbortSignal): Promise<3 | 7 | 8> {
  const text = (await readBytes(stream, 12, 'its version', signal)).toString('latin1');
  const [, major, minor] = /^RFB (\d{3})\.(\d{3})\n$/.exec(text) ?? [];
  if (major === undefined || Number(major) < 3) throw new RfbServerError('the server does not speak RFB');
  const number = Number(major) > 3 ? 8 : Number(minor);
  const version = number >= 8 ? 8 : number === 7 ? 7 : 3;
  stream.write(`RFB 003.00${version}\n`);
  return version;
}

function usable(security: RfbSecurity): readonly SecurityType[] {
  return security.types.filter((type) => type !== 'VncAuth' || security.password !== undefined);
}

function choose(security: RfbSecurity, offered: readonly number[]): SecurityType {
  const chosen = usable(security).find((type) => offered.includes(securityTypes[type]));
  if (chosen !== undefined) return chosen;
  throw new RfbServerError(`security types ${offered.join(', ')}, expected ${usable(security).join(', ')}`);
}

async function agreeOnSecurity(stream: Duplex, version: 3 | 7 | 8, security: RfbSecurity, signal: AbortSignal) {
  if (version === 3) {
    const type = (await readBytes(stream, 4, 'the security type', signal)).readUInt32BE();
    if (type === 0) throw new RfbServerError(`the server refused: ${await reasonOf(stream, signal)}`);
    return choose(security, [type]);
  }
  const [count = 0] = await readBytes(stream, 1, 'the number of security types', signal);
  if (count === 0) throw new RfbServerError(`the server refused: ${await reasonOf(stream, signal)}`);
  const chosen = choose(security, [...(await readBytes(stream, count, 'the security types', signal))]);
  stream.write(Buffer.from([securityTypes[chosen]]));
  return chosen;
}

async function authenticate(stream: Duplex, password: string | undefined, signal: AbortSignal): Promise<void> {
  if (password === undefined) throw new RfbServerError('the server asks for a password, and there is none');
  stream.write(answerChallenge(await readBytes(stream, 16, 'a challenge', signal), password));
}

function writeCredentials(stream: Duplex, { username = '', password = '' }: RfbSecurity): void {
  const [user, secret] = [Buffer.from(username), Buffer.from(password)];
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(user.length, 0);
  lengths.writeUInt32BE(secret.length, 4);
  stream.write(Buffer.concat([lengths, user, secret]));
}

async function readResult(stream: Duplex, version: 3 | 7 | 8, signal: AbortSignal): Promise<void> {
  const result = (await readBytes(stream, 4, 'the result of the security handshake', signal)).readUInt32BE();
  if (result === 0) return;
  throw new RfbServerError(`the server refused${version === 8 ? `: ${await reasonOf(stream, signal)}` : ''}`);
}

async function secure(given: Duplex, version: 3 | 7 | 8, security: RfbSecurity, signal: AbortSignal): Promise<Duplex> {
  const type = await agreeOnSecurity(given, version, security, signal);
  if (type === 'None') {
    if (version === 8) await readResult(given, version, signal);
    return given;
  }
  if (type === 'VncAuth') {
    await authenticate(given, security.password, signal);
    await readResult(given, version, signal);
    return given;
  }
  const { stream, subtype } = await startVencrypt(given, security, signal);
  try {
    if (subtype === 'X509Vnc') await authenticate(stream, security.password, signal);
    if (subtype === 'X509Plain') writeCredentials(stream, security);
    await readResult(stream, version, signal);
    return stream;
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function initialise(stream: Duplex, signal: AbortSignal): Promise<Buffer> {
  // Shared: who else watches must not be thrown out; that is the orchestrator's to decide.
  stream.write(Buffer.from([1]));
  const head = await readBytes(stream, 24, 'ServerInit', signal);
  const [width, height, length] = [head.readUInt16BE(0), head.readUInt16BE(2), head.readUInt32BE(20)];
  if (width > sideLimit || height > sideLimit) {
    throw new RfbServerError(`a screen of ${width} × ${height} pixels, at most ${sideLimit} a side are taken`);
  }
  if (length > nameLimit) throw new RfbServerError(`a name of ${length} bytes, at most ${nameLimit} are taken`);
  return Buffer.concat([head, await readBytes(stream, length, 'the name', signal)]);
}

/**
 * Does the whole handshake; the stream's next byte is then the server's first message. Throws RfbServerError, or the
 * signal's reason; the stream is the caller's to end.
 */
export async function openRfbServer(given: Duplex, security: RfbSecurity, signal: AbortSignal): Promise<RfbServer> {
  const version = await agreeOnVersion(given, signal);
  const stream = await secure(given, version, security, signal);
  return { stream, serverInit: await initialise(stream, signal) };
}
