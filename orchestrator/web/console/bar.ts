// The bar: which machine, in which state, and the tools.
import type { ConsoleKind } from '@isthmus/contract';
import { type ButtonOptions, button, element } from './dom.ts';
import type { SessionState } from './session.ts';
import { stateWords } from './words.ts';

/** What the bar's buttons do by themselves; the others open popovers. */
export interface BarActions {
  takeControl(): void;
  giveUpControl(): void;
  copy(): void;
  paste(): void;
  resizeFont(by: number): void;
  softKeyboard(): void;
  fullScreen(): void;
}

/** The bar's elements. */
export interface Bar {
  readonly element: HTMLElement;
  /** Buttons that a popover is hung on. */
  readonly openers: Readonly<Record<'keys' | 'typing' | 'clipboard' | 'display' | 'viewers', HTMLButtonElement>>;
  readonly fullScreen: HTMLButtonElement;
  show(state: SessionState): void;
}

const nothing = () => undefined;

/** Makes the bar. */
export function createBar(actions: BarActions, withFullScreen: boolean): Bar {
  const machine = element('strong', { class: 'machine' }, 'Console');
  const state = element('span', { class: 'state', role: 'status' });
  const tool = (options: Omit<ButtonOptions, 'shown'> & { readonly for?: ConsoleKind }) => {
    const made = button({ ...options, class: `tool ${options.class ?? ''}` });
    if (options.for !== undefined) made.dataset.for = options.for;
    return made;
  };
  const openers = {
    keys: tool({ label: 'Keys', icon: 'command', press: nothing }),
    typing: tool({ label: 'Type text', icon: 'text', press: nothing, for: 'vnc' }),
    clipboard: tool({ label: 'Clipboard', icon: 'clipboard', press: nothing, for: 'vnc' }),
    display: tool({ label: 'Display', icon: 'display', press: nothing, for: 'vnc' }),
    viewers: tool({ label: 'People', icon: 'people', press: nothing }),
  };
  const softKeyboard = tool({ label: 'Keyboard', icon: 'keyboard', class: 'touch', press: actions.softKeyboard });
  const take = button({ label: 'Take control', class: 'primary', press: actions.takeControl });
  const giveUp = button({ label: 'Only watch', class: 'quiet', press: actions.giveUpControl });
  const fullScreen = tool({ label: 'Full screen', icon: 'enlarge', press: actions.fullScreen });
  fullScreen.hidden = !withFullScreen;
  const tools = element(
    'div',
    { class: 'tools', role: 'toolbar', 'aria-label': 'Console' },
    openers.keys,
    softKeyboard,
    openers.typing,
    openers.clipboard,
    tool({ label: 'Copy', icon: 'copy', press: actions.copy, for: 'serial' }),
    tool({ label: 'Paste', icon: 'clipboard', press: actions.paste, for: 'serial' }),
    tool({ label: 'Smaller', icon: 'smaller', press: () => actions.resizeFont(-1), for: 'serial' }),
    tool({ label: 'Larger', icon: 'larger', press: () => actions.resizeFont(1), for: 'serial' }),
    openers.display,
    openers.viewers,
    fullScreen,
  );
  const who = element(
    'div',
    { class: 'who' },
    element('span', { class: 'dot' }),
    element('div', { class: 'names' }, machine, state),
  );
  const made = element('header', { class: 'bar' }, who, element('div', { class: 'mode' }, giveUp, take), tools);
  const peopleLabel = openers.viewers.querySelector('span');
  return {
    element: made,
    openers,
    fullScreen,
    show: (now) => {
      const words = stateWords(now);
      // Said again to a screen reader only where it has changed.
      if (state.textContent !== words) state.textContent = words;
      made.dataset.state = now.kind === 'open' ? now.mode : now.kind;
      tools.hidden = now.kind !== 'open';
      take.hidden = now.kind !== 'open' || now.mode === 'control';
      giveUp.hidden = now.kind !== 'open' || now.mode === 'watch' || now.viewers.length === 0;
      if (now.kind !== 'open') return;
      machine.textContent = now.machine;
      document.title = `${now.machine} · Console`;
      document.body.dataset.kind = now.console;
      openers.viewers.hidden = now.viewers.length === 0;
      if (peopleLabel !== null) peopleLabel.textContent = `${now.viewers.length + 1} people`;
      for (const one of [openers.typing, openers.keys, softKeyboard]) one.disabled = now.mode === 'watch';
    },
  };
}
