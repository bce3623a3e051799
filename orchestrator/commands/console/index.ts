import type { Command } from '../declaration.ts';
import { createConsoleEndpoint } from './create-console-endpoint.ts';
import { listConsoleSessions } from './list-console-sessions.ts';

export const commands: readonly Command[] = [createConsoleEndpoint, listConsoleSessions];
