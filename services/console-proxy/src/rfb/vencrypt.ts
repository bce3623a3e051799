// VeNCrypt 0.2 (rfbproto.rst, "VeNCrypt"): TLS inside of RFB. Only its X.509 kinds, whose server shows a certificate: those
// without one (TLSNone, TLSVnc, TLSPlain) keep out nobody who stands in between.
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkServerIdentity, connect } from 'node:tls';
import type { RfbSecurity } from '@isthmus/contract';
import { RfbServerError, readBytes } from './byte-reader.ts';

const subtypes = { X509None: 260, X509Vnc: 261, X509Plain: 262 } as const;
const subtypeLimit = 32;

/** What is done inside of TLS. */
export type VencryptSubtype = keyof typeof subtypes;

function wanted({ username, password }: RfbSecurity): VencryptSubtype[] {
  if (password === undefined) return ['X509None'];
  return username === undefined ? ['X509Vnc', 'X509None'] : ['X509Plain', 'X509Vnc', 'X509None'];
}

async function chooseSubtype(stream: Duplex, security: RfbSecurity, signal: AbortSignal): Promise<VencryptSubtype> {
  const version = await readBytes(stream, 2, 'the version of VeNCrypt', signal);
  if (version.readUInt16BE() < 2) throw new RfbServerError(`VeNCrypt ${version[0]}.${version[1]}, expected 0.2`);
  stream.write(Buffer.from([0, 2]));
  const [refusal] = await readBytes(stream, 1, 'the answer to VeNCrypt 0.2', signal);
  if (refusal !== 0) throw new RfbServerError('the server does not take VeNCrypt 0.2');
  const [count = 0] = await readBytes(stream, 1, 'the number of kinds of VeNCrypt', signal);
  if (count === 0 || count > subtypeLimit) throw new RfbServerError(`${count} kinds of VeNCrypt`);
  const list = await readBytes(stream, 4 * count, 'the kinds of VeNCrypt', signal);
  const offered = Array.from({ length: count }, (_, index) => list.readUInt32BE(4 * index));
  const chosen = wanted(security).find((name) => offered.includes(subtypes[name]));
  if (chosen === undefined) {
    throw new RfbServerError(
      `the kinds of VeNCrypt are ${offered.join(', ')}, expected ${wanted(security).join(', ')}`,
    );
  }
  const answer = Buffer.alloc(4);
  answer.writeUInt32BE(subtypes[chosen]);
  stream.write(answer);
  const [isTaken] = await readBytes(stream, 1, `the answer to ${chosen}`, signal);
  if (isTaken !== 1) throw new RfbServerError(`the server does not take ${chosen}`);
  return chosen;
}

async function encrypt(stream: Duplex, name: string, authorities: readonly string[], signal: AbortSignal) {
  const secured = connect({
    socket: stream,
    ca: [...authorities],
    minVersion: 'TLSv1.2',
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(signal.reason);
  const onError = (cause: Error) => reject(new RfbServerError(`TLS with the server: ${cause.message}`, { cause }));
  const onClose = () => reject(new RfbServerError('the server closed the connection in place of TLS'));
  secured.once('secureConnect', resolve).on('error', onError).on('close', onClose);
  signal.addEventListener('abort', onAbort);
  try {
    await promise;
    return secured;
  } catch (error) {
    secured.destroy();
    throw error;
  } finally {
    secured.off('close', onClose);
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * From the choice of VeNCrypt on; answers with the stream inside of TLS, and what has to be done there. Throws
 * RfbServerError where the certificate is none of the authorities for the server's name, or the signal's reason.
 */
export async function startVencrypt(stream: Duplex, security: RfbSecurity, signal: AbortSignal) {
  const { authorities, serverName } = security;
  if (authorities === undefined || serverName === undefined) {
    throw new RfbServerError('VeNCrypt needs authorities and serverName, and there are none');
  }
  const subtype = await chooseSubtype(stream, security, signal);
  return { subtype, stream: await encrypt(stream, serverName, authorities, signal) };
}
