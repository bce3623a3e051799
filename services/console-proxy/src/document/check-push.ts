// What can be told of a push before it is tried: its shape, its hash, and what a schema cannot say.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  type ConsoleProxyDocument,
  type ConsoleProxyPush,
  ConsoleProxyPushSchema,
  validator,
  wholeDocumentHash,
} from '@isthmus/contract';
import { cidrContains, ipv4Network } from '@isthmus/net';

const pushValidator = validator(ConsoleProxyPushSchema);
/** Of the machine itself, of no network, and of the control network. */
const otherRanges = ['127.', '0.', '169.254.'];

/** `path`: in the document, such as `limits.sessions`, or in the push where it is none of the document's. */
export interface PushFault {
  readonly path: string;
  readonly message: string;
}

/** A push that fits, or its faults; those of its shape name no values, which may be secrets. */
export function readPush(
  body: unknown,
): { readonly push: ConsoleProxyPush } | { readonly faults: readonly PushFault[] } {
  if (!pushValidator.check(body)) {
    const faults = pushValidator.faults(body).map(({ path, message }) => ({
      path: path.replace(/^document\./, ''),
      message,
    }));
    return { faults };
  }
  const faults = [...addressFaults(body.document), ...tlsFaults(body.document)];
  return faults.length === 0 ? { push: body } : { faults };
}

/** True where the document has the hash that the push says. */
export function hasItsHash({ document, target }: ConsoleProxyPush): boolean {
  return wholeDocumentHash(document) === target.hash;
}

function addressFaults({ publicAddress, prefixLength, gateway }: ConsoleProxyDocument): PushFault[] {
  const faults: PushFault[] = [];
  if (otherRanges.some((start) => publicAddress.startsWith(start))) {
    faults.push({ path: 'publicAddress', message: `${publicAddress}: expected an address of a public network` });
  }
  if (!cidrContains(ipv4Network(publicAddress, prefixLength), gateway) || gateway === publicAddress) {
    const network = `${publicAddress}/${prefixLength}`;
    faults.push({ path: 'gateway', message: `${gateway}: expected another address of ${network}` });
  }
  return faults;
}

/** The certificate is one, its key is one, and they belong together. */
function tlsFaults({ tls }: ConsoleProxyDocument): PushFault[] {
  if (tls === null) return [];
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(tls.certificateChain);
  } catch {
    return [{ path: 'tls.certificateChain', message: 'expected certificates in PEM' }];
  }
  try {
    if (certificate.checkPrivateKey(createPrivateKey(tls.privateKey))) return [];
    return [{ path: 'tls.privateKey', message: 'expected the key of the first certificate of the chain' }];
  } catch {
    return [{ path: 'tls.privateKey', message: 'expected a private key in PEM' }];
  }
}
