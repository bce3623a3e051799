// getDiagnosticsData in the router: its findings as a gzipped tar.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { OperationAnswer, OperationRequest } from '@isthmus/contract';
import { messageOf } from '../message-of.ts';
import { OperationRequestError } from '../operation-request-error.ts';
import { type DiagnosticSources, findingNames, findingsOf } from './findings.ts';
import { tarOf } from './tar.ts';

const compress = promisify(gzip);

/** Private keys in PEM: nothing of the list holds one, and one that strayed into a log stays here. */
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/** Takes the findings. Throws OperationRequestError where a name is none of the list. */
export async function diagnosticsBundle(
  sources: DiagnosticSources,
  { files }: OperationRequest<'diagnostics-data'>,
): Promise<OperationAnswer<'diagnostics-data'>> {
  const { host, services } = sources;
  const found = findingsOf(services, files);
  if ('unknown' in found) {
    const expected = findingNames(services).join(', ');
    throw new OperationRequestError('invalid', `files ${found.unknown}: expected names among ${expected}`);
  }
  const entries: { name: string; text: string }[] = [];
  for (const finding of found.findings) {
    const text = await finding.read(sources).catch((error: unknown) => `could not be read: ${messageOf(error)}\n`);
    entries.push({ name: finding.file, text: text.replaceAll(privateKey, '[a private key was left out]') });
  }
  const archive = await compress(tarOf(entries, host.clock.now()));
  return { archive: archive.toString('base64') };
}
