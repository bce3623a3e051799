// What stands behind the # of the page's address. It is read once; servers never see it.

/** What opens a console. `extra`: the client's own token of createConsoleEndpoint, where its opener added it. */
export interface Opening {
  readonly ticket: string;
  /** Id of the proxy that the link names; another of the zone does as well. */
  readonly proxy: string | null;
  readonly extra: string | null;
  /** Mode to take where others have the console: of a page that loaded itself again. Null: the person is asked. */
  readonly mode: 'control' | 'watch' | null;
}

const secret = /^[A-Za-z0-9_-]{43}$/;
const longestExtra = 255;

/** Reads a fragment, with or without its #. Null where it holds no ticket: the link is not whole. */
export function readFragment(fragment: string): Opening | null {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const ticket = fields.get('ticket') ?? '';
  if (!secret.test(ticket)) return null;
  const extra = fields.get('extra') ?? '';
  const mode = fields.get('mode');
  return {
    ticket,
    proxy: fields.get('proxy'),
    extra: extra === '' || extra.length > longestExtra ? null : extra,
    mode: mode === 'control' || mode === 'watch' ? mode : null,
  };
}

/** The fragment that `readFragment` reads as `opening`. */
export function writeFragment({ ticket, proxy, mode }: Omit<Opening, 'extra'>): string {
  const fields = new URLSearchParams({ ticket });
  if (proxy !== null) fields.set('proxy', proxy);
  if (mode !== null) fields.set('mode', mode);
  return `#${fields.toString()}`;
}
