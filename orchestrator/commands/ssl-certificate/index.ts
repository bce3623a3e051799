import type { Command } from '../declaration.ts';
import { assignCertToLoadBalancer } from './assign-cert-to-load-balancer.ts';
import { deleteSslCert } from './delete-ssl-cert.ts';
import { listSslCerts } from './list-ssl-certs.ts';
import { removeCertFromLoadBalancer } from './remove-cert-from-load-balancer.ts';
import { uploadSslCert } from './upload-ssl-cert.ts';

// Without getLoadBalancerSslCertificate, whose answer is the private key: it would be out of the seal with one call.
export const commands: readonly Command[] = [
  uploadSslCert,
  deleteSslCert,
  listSslCerts,
  assignCertToLoadBalancer,
  removeCertFromLoadBalancer,
];
