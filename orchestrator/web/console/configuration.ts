// What the orchestrator says in the page itself (orchestrator/api/console-page.ts).

/** A console proxy of the zone. */
export interface ConsoleProxy {
  readonly id: string;
  /** URL of its WebSocket. The page's content security policy lets it reach exactly these. */
  readonly socket: string;
}

/** Data of the page. */
export interface Configuration {
  readonly zone: string;
  readonly proxies: readonly ConsoleProxy[];
  /** True: createConsoleEndpoint demands a token of the client, to be shown with the ticket. */
  readonly extra: boolean;
}

function isConsoleProxy(value: unknown): value is ConsoleProxy {
  if (typeof value !== 'object' || value === null) return false;
  const { id, socket } = value as Partial<Record<string, unknown>>;
  return typeof id === 'string' && typeof socket === 'string';
}

/** Reads the data of the page. Null where it is not what this page was built for. */
export function readConfiguration(text: string | null): Configuration | null {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { zone, proxies, extra } = value as Partial<Record<string, unknown>>;
  if (typeof zone !== 'string' || typeof extra !== 'boolean') return null;
  return Array.isArray(proxies) && proxies.every(isConsoleProxy) ? { zone, proxies, extra } : null;
}
