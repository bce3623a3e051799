export { HostAgent, type HostAgentOptions } from './host-agent.ts';
export { pidPath, type RunOptions, runHostAgent, socketPath } from './run.ts';
export {
  controlBridgeName,
  guestBridgeName,
  namespaceName,
  portName,
  publicBridgeName,
  shortId,
} from './wiring/names.ts';
