import { type Command, syncCommand } from '../declaration.ts';
import { field } from '../response-field.ts';

/** Kinds of events that sync commands record; those of async commands stand in their declarations. */
const syncEventTypes = [
  'USER.LOGIN',
  'USER.CREATE',
  'USER.UPDATE',
  'USER.DELETE',
  'USER.ENABLE',
  'USER.LOCK',
  'REGISTER.USER.KEY',
  'ACCOUNT.CREATE',
  'ACCOUNT.UPDATE',
  'ACCOUNT.ENABLE',
  'ACCOUNT.LOCK',
  'DOMAIN.CREATE',
  'NET.IPRESERVE',
  'DOMAIN.UPDATE',
  'ALERT.COMPUTE.HOST',
  'ALERT.DOMAIN.ROUTER',
  'ALERT.SERVICE.CONSOLEPROXY',
  'HOST.CREATE',
  'HOST.UPDATE',
  'HOST.DELETE',
  'HOST.JOIN',
  'HOST.FENCE',
  'HOST.OOBM.CONFIGURE',
  'HOST.OOBM.CHANGE.PASSWORD',
  'TEMPLATE.CREATE',
];

/** listEventTypes over the table of commands that it is part of. */
export function listEventTypesOf(commands: () => readonly Command[]) {
  return syncCommand({
    name: 'listEventTypes',
    description: 'Lists the kinds of events',
    roles: ['Admin', 'DomainAdmin', 'User'],
    parameters: {},
    responseKey: null,
    responseFields: { name: field.string('The kind of event, such as NETWORK.CREATE') },
    handler: async () => {
      const declared = commands().flatMap((command) => (command.kind === 'async' ? [command.eventType] : []));
      const types = [...new Set([...declared, ...syncEventTypes])].sort();
      return { count: types.length, eventtype: types.map((name) => ({ name })) };
    },
  });
}
