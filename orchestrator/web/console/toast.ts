// Short sentences that come and go by themselves.
import { element } from './dom.ts';

const shownMs = 5000;

/** Makes the place for them, and what says one. `more`: a button beside it. */
export function createToast(): { element: HTMLElement; say: (words: string, more?: HTMLButtonElement) => void } {
  const place = element('div', { class: 'toasts', role: 'status' });
  return {
    element: place,
    say: (words, more) => {
      const toast = element('div', { class: 'toast' }, element('span', {}, words), more ?? null);
      more?.addEventListener('click', () => toast.remove());
      place.replaceChildren(toast);
      setTimeout(() => toast.remove(), more === undefined ? shownMs : 3 * shownMs);
    },
  };
}
