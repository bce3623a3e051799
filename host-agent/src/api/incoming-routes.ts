// What another host may ask of this one: to open a stream of an instance that was announced to come from there. Nothing else.
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { EntryIdSchema, type MigrationStream, MigrationStreamSchema, validator } from '@isthmus/contract';
import type { FastifyInstance } from 'fastify';
import { HostAgentError } from '../errors.ts';
import type { HostAgent } from '../host-agent.ts';
import { type IncomingInstances, incomingValidator } from '../incoming.ts';
import { checked, idOf } from './check.ts';
import { answerUpgrade, join, refuse, requireUpgrade } from './tunnel.ts';

const path = /^\/v1\/incoming\/([^/?]+)\/streams\/([a-z]+)$/;
const idValidator = validator(EntryIdSchema);
const streamValidator = validator(MigrationStreamSchema);

/** PUT and DELETE of /v1/incoming/:id, the orchestrator's. */
export function serveIncoming(app: FastifyInstance, agent: HostAgent): void {
  app.put('/v1/incoming/:id', async (request, reply) => {
    await agent.incoming().announce(idOf(request), checked(incomingValidator, request.body, 'incoming'));
    return reply.code(204).send();
  });
  app.delete('/v1/incoming/:id', async (request, reply) => {
    await agent.incoming().conclude(idOf(request));
    return reply.code(204).send();
  });
}

/** True where an upgrade is for a stream of a migration. */
export function isMigrationStream({ url = '' }: IncomingMessage): boolean {
  return path.test(url);
}

/** Leads an upgrade of the host `hostId` to the socket of its stream, or refuses it. */
export async function carryStream(
  incoming: Pick<IncomingInstances, 'socketOf' | 'hold'>,
  hostId: string,
  { request, client, head }: { readonly request: IncomingMessage; readonly client: Duplex; readonly head: Buffer },
): Promise<void> {
  client.on('error', () => client.destroy());
  try {
    const { id, stream } = streamOf(request);
    const socket = await reach(id, stream, incoming.socketOf(id, hostId, stream));
    if (client.destroyed) {
      socket.destroy();
      return;
    }
    incoming.hold(id, client);
    join(client, socket);
    answerUpgrade(client);
    if (head.length > 0) socket.write(head);
  } catch (error) {
    refuse(client, error);
  }
}

function streamOf(request: IncomingMessage): { id: string; stream: MigrationStream } {
  const [, id = '', stream = ''] = path.exec(request.url ?? '') ?? [];
  requireUpgrade(request);
  return { id: checked(idValidator, id, 'id'), stream: checked(streamValidator, stream, 'stream') };
}

function reach(id: string, stream: MigrationStream, socketPath: string) {
  return new Promise<ReturnType<typeof connect>>((resolve, reject) => {
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    socket.once('error', (cause) => {
      const options = { cause, detail: cause.message };
      reject(new HostAgentError('failed', `instance ${id}: nobody takes its stream ${stream}`, options));
    });
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
