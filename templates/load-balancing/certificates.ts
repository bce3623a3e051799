import type { LoadBalancerCertificate } from '@isthmus/contract';
import { type ConfigPath, parseConfigPath } from '@isthmus/haproxy-config';
import type { LoadBalancerPaths } from './global.ts';

/** The file of a certificate by its entry's id. */
export function certificatePath({ certificates }: LoadBalancerPaths, id: string): ConfigPath {
  return parseConfigPath(`${certificates}/${id}.pem`);
}

/** The file of the certificate list of a rule by its entry's id. */
export function certificateListPath({ certificateLists }: LoadBalancerPaths, ruleId: string): ConfigPath {
  return parseConfigPath(`${certificateLists}/${ruleId}.list`);
}

/** Certificate, chain and key as one file, without empty lines. Secret. */
export function certificateText({ certificate, privateKey }: LoadBalancerCertificate): string {
  const lines = `${certificate}\n${privateKey}`.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => `${line}\n`).join('');
}
