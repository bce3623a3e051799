// What stands while a benchmark runs, so that a signal in the middle leaves nothing behind.
const open = new Set<() => Promise<void>>();

/** `close`, which is called at a signal too unless it was called before. Once only. */
export function closing(close: () => Promise<void>): () => Promise<void> {
  let closed: Promise<void> | null = null;
  const once = () => {
    closed ??= close().finally(() => open.delete(once));
    return closed;
  };
  open.add(once);
  return once;
}

/** At SIGINT and SIGTERM closes everything and ends the process with 130. */
export function closeAtSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void Promise.allSettled([...open].map((close) => close())).then(() => process.exit(130));
    });
  }
}
