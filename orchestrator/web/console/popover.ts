// Menus and panels of the bar: the browser's own popovers, placed below their button, or at the foot of a small screen.
import { button, element } from './dom.ts';

let count = 0;
/** Below it, a popover spans the foot of the page. */
const narrowPx = 640;
const gapPx = 8;

export interface PopoverOptions {
  readonly title: string;
  /** True: a click elsewhere leaves it open, so that one can work beside it. */
  readonly stays?: boolean;
  readonly opened?: () => void;
  readonly closed?: () => void;
}

/** A popover that a button opens. */
export interface Popover {
  readonly element: HTMLElement;
  close(): void;
}

/** Makes a popover of `content`, which `opener` opens and closes. */
export function createPopover(
  opener: HTMLButtonElement,
  options: PopoverOptions,
  ...content: readonly Node[]
): Popover {
  count += 1;
  const id = `popover-${count}`;
  const heading = element('h2', { id: `${id}-title` }, options.title);
  const made = element('section', {
    id,
    class: 'popover',
    popover: options.stays === true ? 'manual' : 'auto',
    role: 'dialog',
    'aria-labelledby': heading.id,
  });
  const close = () => made.hidePopover();
  const leave = button({ label: 'Close', icon: 'close', shown: false, class: 'quiet', press: close });
  made.append(element('header', {}, heading, leave), ...content);
  opener.setAttribute('popovertarget', id);
  opener.setAttribute('aria-haspopup', 'dialog');
  opener.setAttribute('aria-expanded', 'false');
  made.addEventListener('toggle', (event) => {
    const isOpen = event.newState === 'open';
    opener.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) {
      place(made, opener);
      made.querySelector<HTMLElement>('textarea:not([readonly]), .keys button, input:checked')?.focus();
      options.opened?.();
    } else options.closed?.();
  });
  made.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    close();
    opener.focus();
  });
  addEventListener('resize', () => {
    if (made.matches(':popover-open')) place(made, opener);
  });
  return { element: made, close };
}

function place(made: HTMLElement, opener: HTMLElement): void {
  if (innerWidth < narrowPx) {
    made.style.removeProperty('left');
    made.style.removeProperty('top');
    return;
  }
  const from = opener.getBoundingClientRect();
  const left = Math.min(from.left, innerWidth - made.offsetWidth - gapPx);
  made.style.left = `${Math.max(gapPx, left)}px`;
  made.style.top = `${from.bottom + gapPx}px`;
}
