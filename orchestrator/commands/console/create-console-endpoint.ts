import type { ConsoleRequestOfUser } from '../../model/console-orchestration.ts';
import { type ResponseObject, syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { consoleTarget } from './target.ts';

const socketFields = {
  token: field.string('The ticket: opens the console once'),
  host: field.string('Host of the WebSocket'),
  port: field.string('TCP port of the WebSocket'),
  path: field.string('Path of the WebSocket'),
  extra: field.string('The token of the call, to be shown with the ticket'),
};

function denied(details: string): ResponseObject {
  return { success: false, details };
}

/** A ticket for a console; success false where there is none, whatever the reason. */
export const createConsoleEndpoint = syncCommand({
  name: 'createConsoleEndpoint',
  description: 'Gives a URL that opens the console of an instance once, within seconds',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    virtualmachineid: p.uuid.required('The instance; for root admins also a router or a system VM'),
    token: p.opaque.optional('A text of the client, to be shown again when the console opens', { secret: true }),
    console: p
      .oneOf('vnc', 'serial')
      .optional('vnc: the screen, serial: the first serial port; by default the screen where there is one'),
  },
  responseKey: 'consoleendpoint',
  responseFields: {
    success: field.boolean('Whether there is a URL'),
    details: field.string('Why there is none'),
    url: field.string('The page of the console'),
    websocket: { ...field.map('Where clients with a viewer of their own connect'), fields: socketFields },
  },
  handler: async (context, { virtualmachineid: id }) => {
    const target = await consoleTarget(context, id);
    return target === null ? denied('Permission denied: expected the id of an instance of your own.') : { target };
  },
  answerLate: async ({ orchestration, caller }, { token, console }, answer) => {
    const { target } = answer as { target?: ConsoleRequestOfUser['target'] };
    if (target === undefined) return answer;
    const made = await orchestration.createConsoleEndpoint({
      target,
      userId: caller.userId,
      accountId: caller.accountId,
      domainId: caller.domainId,
      apiSessionId: caller.via?.sessionId ?? null,
      clientAddress: caller.via?.address ?? null,
      ...(console !== undefined && { console }),
      ...(token !== undefined && { extra: token }),
    });
    if ('refused' in made) return denied(made.refused);
    const { url, ticket, socket } = made.endpoint;
    const { host, port, path } = socket;
    return { success: true, url, websocket: { token: ticket, host, port: String(port), path, extra: token } };
  },
});
