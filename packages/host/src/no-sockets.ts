import { ListenError, type Sockets } from './sockets.ts';

/** Opens none: for tests of what does not listen. */
export const noSockets: Sockets = {
  listen: async (endpoints) => {
    throw new ListenError(endpoints, 'this machine opens no sockets');
  },
};
