// A list of who has the console open.
import type { ConsoleViewer } from '@isthmus/contract';
import { element } from './dom.ts';

/** A list of these viewers, in their order: what each is called, and whether it controls or watches. */
export function viewersList(viewers: readonly ConsoleViewer[]): HTMLElement {
  const rows = viewers.map(({ user, mode }) =>
    element('li', {}, element('span', {}, user), element('small', {}, mode === 'control' ? 'in control' : 'watching')),
  );
  return element('ul', { class: 'viewers' }, ...rows);
}
