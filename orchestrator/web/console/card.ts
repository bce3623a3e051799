// The card in the middle of the page: whatever has to be said or asked before there is a console to see.
import type { ConsoleMode, ConsoleViewer } from '@isthmus/contract';
import { button, element } from './dom.ts';
import { viewersList } from './viewers-list.ts';
import { endingWords, namesOf, reconnectingWords, type Words } from './words.ts';

/** What a card asks of the session. */
export interface CardActions {
  choose(mode: ConsoleMode): void;
  retry(): void;
  leave(): void;
}

function card(kind: string, { title, detail }: Words, ...more: readonly Node[]): HTMLElement {
  const heading = element('h1', { id: 'card-title', tabindex: -1 }, title);
  const text = detail === '' ? null : element('p', {}, detail);
  return element('section', { class: `card ${kind}`, 'aria-labelledby': heading.id }, heading, text, ...more);
}

const actions = (...buttons: readonly HTMLElement[]) => element('div', { class: 'actions' }, ...buttons);
const waiting = () => element('div', { class: 'waiting', role: 'progressbar', 'aria-label': 'Please wait' });

/** While a first connection is made. */
export function connectingCard(): HTMLElement {
  return card('busy', { title: 'Opening the console', detail: '' }, waiting());
}

/** While a lost connection is made again. */
export function reconnectingCard(attempt: number, { retry, leave }: CardActions): HTMLElement {
  const buttons =
    attempt < 4
      ? []
      : [button({ label: 'Leave', press: leave }), button({ label: 'Try now', class: 'primary', press: retry })];
  return card('busy', reconnectingWords(attempt), waiting(), ...(buttons.length === 0 ? [] : [actions(...buttons)]));
}

/** Others have the console: watch, or take it over. */
export function choiceCard(viewers: readonly ConsoleViewer[], { choose, leave }: CardActions): HTMLElement {
  const controlling = viewers.filter(({ mode }) => mode === 'control');
  const who = namesOf(controlling.length > 0 ? controlling : viewers);
  const title = controlling.length > 0 ? `${who} is using this console` : 'This console is being watched';
  const detail =
    controlling.length > 0
      ? `Watch what happens, or take control. If you take control, ${who} is told, and goes on watching.`
      : `${who} ${viewers.length > 1 ? 'are' : 'is'} watching, and nobody is in control.`;
  return card(
    'asking',
    { title, detail },
    ...(viewers.length > 1 ? [viewersList(viewers)] : []),
    actions(
      button({ label: 'Leave', class: 'quiet', press: leave }),
      button({ label: 'Watch', class: 'first', press: () => choose('watch') }),
      button({ label: 'Take control', class: 'primary', press: () => choose('control') }),
    ),
  );
}

/** A session is over. `canReturn`: there is something to try. */
export function endedCard(reason: string, message: string, canReturn: boolean, { retry }: CardActions): HTMLElement {
  const again = button({ label: reason === 'left' ? 'Come back' : 'Try again', class: 'primary', press: retry });
  return card('ended', endingWords(reason, message), ...(canReturn ? [actions(again)] : []));
}

/** Asks for the client's own token, which the installation demands beside the ticket. */
export function extraTokenCard(answer: (extra: string) => void): HTMLElement {
  const field = element('input', {
    type: 'password',
    autocomplete: 'off',
    required: true,
    maxlength: 255,
    'aria-label': 'Token',
  });
  const form = element('form', {}, field, actions(element('button', { type: 'submit', class: 'primary' }, 'Open')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    answer(field.value);
  });
  const detail =
    'This installation asks for the token that was given when the console was asked for. The link lives half a minute at most.';
  return card('asking', { title: 'One more token', detail }, form);
}

/** Puts a card in its place, or takes it away; a screen reader is led to it, unless it only waits. */
export function showCard(place: HTMLElement, shown: HTMLElement | null): void {
  place.replaceChildren(...(shown === null ? [] : [shown]));
  place.hidden = shown === null;
  if (shown === null || shown.classList.contains('busy')) return;
  const first =
    shown.querySelector<HTMLElement>('input, .first') ??
    shown.querySelector<HTMLElement>('button.primary') ??
    shown.querySelector<HTMLElement>('h1');
  first?.focus();
}
