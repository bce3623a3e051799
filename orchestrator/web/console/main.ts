// The page of a console: reads what opens it, and joins its parts.
import '@xterm/xterm/css/xterm.css';
import './console.css';
import { endedCard, extraTokenCard, showCard } from './card.ts';
import { readConfiguration } from './configuration.ts';
import { element } from './dom.ts';
import { readFragment } from './fragment.ts';
import { ConsolePage } from './page.ts';

const noActions = { choose: () => undefined, retry: () => undefined, leave: () => undefined };

function start(): void {
  const data = document.getElementById('console-data');
  const configuration = readConfiguration(data?.textContent ?? null);
  const opening = readFragment(location.hash);
  // The ticket is read once: neither the history nor a copied address has it.
  history.replaceState(null, '', location.pathname);
  document.querySelector('noscript')?.remove();
  const nonce = data?.nonce ?? '';
  const place = element('div', { class: 'cards alone' });
  if (configuration === null || opening === null) {
    document.body.append(element('main', { class: 'stage' }, place));
    showCard(place, endedCard('no-ticket', '', false, noActions));
    return;
  }
  if (!configuration.extra || opening.extra !== null || opening.mode !== null) {
    new ConsolePage({ configuration, opening, nonce });
    return;
  }
  const stage = element('main', { class: 'stage' }, place);
  document.body.append(stage);
  const open = (extra: string) => {
    stage.remove();
    new ConsolePage({ configuration, opening: { ...opening, extra }, nonce });
  };
  showCard(place, extraTokenCard(open));
}

start();
