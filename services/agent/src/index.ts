export { type Agent, type AgentOptions, createAgent, type ExportedState } from './agent.ts';
export { checkIdentity, checkPeer } from './appliance/certificate-check.ts';
export { createKeyRequest, type KeyRequest } from './appliance/key-request.ts';
export { MutualTls, type ServerIdentity } from './appliance/mutual-tls.ts';
export { RefusedError } from './refused-error.ts';
