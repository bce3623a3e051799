export { type Agent, type AgentOptions, createAgent, type ExportedState } from './agent.ts';
export { RefusedError } from './refused-error.ts';
