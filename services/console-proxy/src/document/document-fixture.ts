// For the tests: a document, and pushes of documents.
import { type ConsoleProxyDocument, type ConsoleProxyPush, wholeDocumentHash } from '@isthmus/contract';
import { parseIpv4Address } from '@isthmus/net';

/** A document without TLS. */
export function documentOf(changes: Partial<ConsoleProxyDocument> = {}): ConsoleProxyDocument {
  return {
    publicAddress: parseIpv4Address('203.0.113.20'),
    prefixLength: 24,
    gateway: parseIpv4Address('203.0.113.1'),
    port: 8080,
    tls: null,
    origins: ['http://console.example.org'],
    limits: {
      sessions: 10,
      pending: 20,
      pendingPerAddress: 5,
      handshakeSeconds: 10,
      idleSeconds: 0,
      absoluteSeconds: 0,
      pingSeconds: 10,
    },
    draining: false,
    ...changes,
  };
}

/** A push of a document, of an epoch of the tests. */
export function pushOf(document: ConsoleProxyDocument, generation = 1, fencingToken = 1): ConsoleProxyPush {
  const epoch = '00000000-0000-4000-8000-000000000005';
  return { fencingToken, target: { epoch, generation, hash: wholeDocumentHash(document) }, document };
}
