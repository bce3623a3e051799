// What a guest is answered, on the port of meta-data and user data and on that of passwords.
import type { ServerResponse } from 'node:http';
import type { Log } from '@isthmus/host';
import { metadataContent, metadataResource } from '@isthmus/templates/metadata';
import type { GivenPasswords } from './given-passwords.ts';
import type { Answer } from './listener.ts';
import type { MetadataState } from './state.ts';

function end(response: ServerResponse, status: number, body: string | Uint8Array, type = 'text/plain'): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': typeof body === 'string' ? Buffer.byteLength(body) : body.length,
    'Cache-Control': 'no-store',
  });
  // For HEAD node sends no body.
  response.end(body);
}

/** TCP 80. A source that is no guest's learns nothing. */
export function answerMetadata(state: MetadataState): Answer {
  return (source, { method, url = '' }, response) => {
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return end(response, 405, 'expected GET or HEAD\n');
    }
    const guest = state.guests.at(source);
    const resource = metadataResource(url);
    const content = guest === undefined || resource === null ? null : metadataContent(guest, resource);
    if (content === null) return end(response, 404, 'there is no such thing here\n');
    end(response, 200, content, typeof content === 'string' ? 'text/plain' : 'application/octet-stream');
  };
}

/**
 * TCP 8080, as CloudStack's password server: `DomU_Request: send_my_password` gives the password once, and
 * `saved_password` where there is none to give; `DomU_Request: saved_password` says that the guest has kept it.
 */
export function answerPasswords(state: MetadataState, given: GivenPasswords, log: Log): Answer {
  const give = async (source: string, response: ServerResponse): Promise<void> => {
    const entry = state.passwords.at(source);
    if (entry === undefined || !(await given.give(entry.version))) return end(response, 200, 'saved_password');
    response.once('close', () => {
      if (response.writableFinished) return;
      given.takeBack(entry.version).catch((error: unknown) => log.error('a password may be lost', { source, error }));
    });
    // The guest may have gone while the disk was written, and then there is no `close` to come.
    if (response.destroyed) await given.takeBack(entry.version);
    else end(response, 200, entry.password);
  };
  return (source, { method, headers }, response) => {
    const request = headers.domu_request;
    if (method !== 'GET') {
      response.setHeader('Allow', 'GET');
      return end(response, 405, 'expected GET\n');
    }
    if (request === 'saved_password') return end(response, 200, 'saved_password');
    if (request !== 'send_my_password') return end(response, 400, 'bad_request');
    give(source, response).catch((error: unknown) => {
      log.error('a password was not given', { source, error });
      if (!response.headersSent) end(response, 503, 'try again\n');
    });
  };
}
