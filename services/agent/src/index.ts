export { type Agent, type AgentOptions, createAgent, type ExportedState } from './agent.ts';
export { checkIdentity, checkPeer } from './appliance/certificate-check.ts';
export { createKeyRequest, type KeyRequest } from './appliance/key-request.ts';
export { MutualTls, type ServerIdentity } from './appliance/mutual-tls.ts';
export { UpdateRefusedError, Updates } from './appliance/updates.ts';
export { UnsupportedOperationError } from './operation-request-error.ts';
export { carryOut, OperationRequestError } from './operations.ts';
export { RefusedError } from './refused-error.ts';
