// Every state of a session in words: what happened, and what to do next.
import type { ConsoleViewer } from '@isthmus/contract';
import type { SessionState } from './session.ts';

/** What the card in the middle of the page says. */
export interface Words {
  readonly title: string;
  readonly detail: string;
}

const again = 'Open the console again from where you came.';

/** By ConsoleReason of the contract, and PageReason. The proxy's own message stands before it where there is one. */
const endings: Readonly<Record<string, Words>> = {
  'no-ticket': {
    title: 'This link is not whole',
    detail: `A console opens by a link with a ticket, and this address has none: perhaps it was copied or reloaded. A link works once. ${again}`,
  },
  'no-proxy': {
    title: 'This zone has no console proxy just now',
    detail: `One may be starting. ${again} If it lasts, tell your administrator.`,
  },
  unreachable: {
    title: 'The console proxy cannot be reached',
    detail: `Your browser got no answer from it. A firewall may stand between, or its certificate may not be trusted. ${again}`,
  },
  garbled: {
    title: 'The machine sent what this page cannot read',
    detail: 'What arrived is no screen. The machine itself may be in order.',
  },
  silent: {
    title: 'The machine sends no screen',
    detail: 'The connection stands, but nothing came over it. The machine may be busy or stuck.',
  },
  unloaded: {
    title: 'This page could not be loaded whole',
    detail: 'Your connection may be interrupted. Reload, or try again.',
  },
  refused: { title: 'The session is over', detail: again },
  left: { title: 'You left the console', detail: 'You may close this page.' },
  ticket: {
    title: 'This link does not work any more',
    detail: `A link opens a console once, within half a minute. ${again}`,
  },
  origin: { title: 'This page may not open consoles', detail: again },
  address: {
    title: 'This console opens only from the address that asked for it',
    detail: 'Your connection comes from another address now: perhaps by a VPN or another network.',
  },
  limit: { title: 'Too many consoles are open', detail: 'Close one that you do not need, then open this one again.' },
  machine: { title: 'The machine has no console just now', detail: 'It may be stopped or starting.' },
  target: { title: 'The machine does not answer', detail: again },
  draining: { title: 'The console proxy is being replaced', detail: again },
  unavailable: { title: 'The console cannot be opened just now', detail: again },
  malformed: { title: 'The connection was closed', detail: again },
  'taken-over': { title: 'Somebody else has taken the console over', detail: again },
  logout: { title: 'You were logged out', detail: 'Log in, then open the console again.' },
  revoked: { title: 'You may not see this console any more', detail: 'Your access was changed.' },
  destroyed: { title: 'The machine is gone', detail: 'It was destroyed. You may close this page.' },
  moved: { title: 'The machine has moved', detail: again },
  idle: { title: 'The console was closed because it was not used', detail: again },
  absolute: { title: 'The session has reached its longest time', detail: again },
  slow: { title: 'Your connection was too slow for this screen', detail: again },
  closed: { title: 'The machine closed its console', detail: `It may be off or restarting. ${again}` },
};

/** Why a session is over, and what to do. `message` is the orchestrator's or the proxy's own sentence, unless it is the title. */
export function endingWords(reason: string, message: string): Words {
  const words = endings[reason] ?? { title: 'The console was closed', detail: again };
  return {
    title: words.title,
    detail: [message, words.detail].filter((part) => part !== '' && part !== `${words.title}.`).join(' '),
  };
}

/** Names of people, for a sentence. */
export function namesOf(viewers: readonly ConsoleViewer[]): string {
  const names = [...new Set(viewers.map(({ user }) => user))];
  const last = names.pop() ?? 'nobody';
  return names.length === 0 ? last : `${names.join(', ')} and ${last}`;
}

/** The line beside the machine's name. */
export function stateWords(state: SessionState): string {
  switch (state.kind) {
    case 'connecting':
      return 'Connecting';
    case 'choosing':
      return 'Somebody is here already';
    case 'reconnecting':
      return 'Reconnecting';
    case 'ended':
      return 'Not connected';
    case 'open': {
      const controlling = state.viewers.filter(({ mode }) => mode === 'control');
      if (state.mode === 'watch')
        return `Watching: ${controlling.length === 0 ? 'nobody' : namesOf(controlling)} in control`;
      return state.viewers.length === 0 ? 'Connected' : `In control: ${namesOf(state.viewers)} watching`;
    }
  }
}

/** The card while a session comes back. */
export function reconnectingWords(attempt: number): Words {
  return attempt < 4
    ? { title: 'Reconnecting', detail: 'The connection was lost. You need do nothing.' }
    : { title: 'Still trying to reconnect', detail: 'The console comes back by itself as soon as it can be reached.' };
}
