// Who has the console open, and the way out of it.
import type { ConsoleMode, ConsoleViewer } from '@isthmus/contract';
import { button, element } from './dom.ts';
import { viewersList } from './viewers-list.ts';

/** The menu; `show` says who is there from now on. */
export function viewersMenu(leave: () => void): {
  element: HTMLElement;
  show: (own: ConsoleMode, others: readonly ConsoleViewer[]) => void;
} {
  const place = element('div', {});
  const actions = element('div', { class: 'actions' }, button({ label: 'Leave the console', press: leave }));
  return {
    element: element('div', {}, place, actions),
    show: (own, others) => place.replaceChildren(viewersList([{ user: 'You', mode: own }, ...others])),
  };
}
