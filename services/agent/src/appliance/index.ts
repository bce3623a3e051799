// What another kind of appliance is made with: identity, control API, updates and boot are the same for all.

export { messageOf } from '../message-of.ts';
export { RefusedError } from '../refused-error.ts';
export { SerialQueue } from '../serial-queue.ts';
export type { ConsoleLog } from './console-log.ts';
export type { ApplianceIdentity, FirstPush } from './identity-store.ts';
export { admit } from './network.ts';
export { checkedBody, RequestError } from './request-error.ts';
export type { ApplianceRole, Route, Served, ServedParts, UpgradeRequest } from './role.ts';
export { startAppliance } from './run.ts';
