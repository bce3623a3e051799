import { asyncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { unservedFlag } from '../unserved.ts';
import { lockNetwork } from './lock.ts';

export const restartNetwork = asyncCommand({
  name: 'restartNetwork',
  description: "Applies a network's whole configuration again; with cleanup on a new router",
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('network').required('The network'),
    cleanup: p.boolean.optional('True: a new router replaces the old one'),
    makeredundant: unservedFlag('there are no redundant routers'),
    livepatch: p.boolean.optional('True: the router is kept, as without cleanup'),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'NETWORK.RESTART',
  instanceType: 'Network',
  creates: false,
  prepare: async ({ db }, { id }) => {
    const network = await lockNetwork(db, id.id);
    if (network.state !== 'Implemented') {
      throw new ApiError(
        'parameter',
        `Network ${network.name} is in state ${network.state}: expected state Implemented to restart it`,
      );
    }
    return { id: network.id };
  },
  execute: async ({ orchestration }, id, { cleanup, livepatch }) => {
    await orchestration.restartNetwork(id, { cleanup: cleanup === true && livepatch !== true });
    return { success: true };
  },
});
