// Consoles that people open: tickets, channels to the console proxies, and what ends a session.
import type { ConsoleSessionOrchestration } from '../../model/console-orchestration.ts';
import type { Parts } from '../parts.ts';

/** The machinery of consoles, running. */
export interface Consoles {
  readonly orchestration: ConsoleSessionOrchestration;
  /** Tells the URL where the API listens: its origin is that of the page, unless setting console.origin names another. */
  listensAt(endpoint: string): void;
  /** Ends the channels; sessions go on. */
  stop(): Promise<void>;
}

export interface ConsoleOptions {
  /** For the connection that hears of changes. */
  readonly databaseUrl: string;
  /** Names this orchestrator. */
  readonly holder: string;
}

/** Starts it. */
export function startConsoles(_parts: Parts, _options: ConsoleOptions): Consoles {
  return {
    orchestration: {
      createConsoleEndpoint: async () => ({ refused: 'Consoles are not served yet' }),
      resumeConsole: async () => ({ state: 'refused', message: 'Consoles are not served yet' }),
    },
    listensAt: () => {},
    stop: async () => {},
  };
}
