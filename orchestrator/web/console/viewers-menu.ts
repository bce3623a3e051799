// Who has the console open.
import type { ConsoleMode, ConsoleViewer } from '@isthmus/contract';
import { button, element } from './dom.ts';

function row(name: string, mode: ConsoleMode): HTMLElement {
  return element(
    'li',
    {},
    element('span', {}, name),
    element('small', {}, mode === 'control' ? 'in control' : 'watching'),
  );
}

/** The list, which `show` keeps. */
export function viewersMenu(leave: () => void): {
  element: HTMLElement;
  show: (own: ConsoleMode, others: readonly ConsoleViewer[]) => void;
} {
  const list = element('ul', { class: 'viewers' });
  const made = element(
    'div',
    {},
    list,
    element('div', { class: 'actions' }, button({ label: 'Leave the console', press: leave })),
  );
  return {
    element: made,
    show: (own, others) => list.replaceChildren(row('You', own), ...others.map(({ user, mode }) => row(user, mode))),
  };
}
