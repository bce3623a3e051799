// Where keys of the page's own buttons go: to a screen as keys, to a terminal as what it would send for them.
import { alt, control, type Key } from './keys.ts';
import type { Layout } from './layouts.ts';
import { ModifierKeys } from './modifier-keys.ts';
import type { Screen } from './screen.ts';
import type { Terminal } from './terminal.ts';
import { typeText } from './typing.ts';
import { sendStroke } from './typist.ts';

const escapeCharacter = '\u001b';

/** What the terminal sends for text while Ctrl or Alt is held. */
function withModifiers(text: string, held: { control: boolean; alt: boolean }): string {
  const code = text.toUpperCase().charCodeAt(0);
  const controlled = held.control && text.length === 1 && code >= 0x40 && code < 0x60;
  const sent = controlled ? String.fromCharCode(code & 0x1f) : text;
  return held.alt ? escapeCharacter + sent : sent;
}

/** The keyboard of whatever is shown. */
export class Keyboard {
  readonly modifiers: ModifierKeys;
  readonly #view: () => Screen | Terminal | null;
  readonly #layout: () => Layout;

  constructor(view: () => Screen | Terminal | null, layout: () => Layout) {
    this.#view = view;
    this.#layout = layout;
    this.modifiers = new ModifierKeys((keysym, code, down) => {
      const shown = this.#view();
      if (shown?.kind === 'vnc') shown.sendKey(keysym, code, down);
    });
  }

  /** Presses and releases one key. */
  press(key: Key): void {
    const view = this.#view();
    if (view?.kind === 'vnc') {
      view.sendKey(key.keysym, key.code, true);
      view.sendKey(key.keysym, key.code, false);
    } else if (key.text !== undefined) view?.type(this.#modified(key.text));
    this.modifiers.used();
  }

  /** Presses keys one after the other, and releases them the other way round. Of a screen. */
  chord(...keys: readonly Key[]): void {
    const view = this.#view();
    if (view?.kind !== 'vnc') return;
    for (const { keysym, code } of keys) view.sendKey(keysym, code, true);
    for (const { keysym, code } of [...keys].reverse()) view.sendKey(keysym, code, false);
  }

  /** Types text at once, as a soft keyboard gives it: a few characters. */
  type(text: string): void {
    const view = this.#view();
    if (view?.kind === 'serial') view.type(this.#modified(text));
    else if (view !== null) {
      for (const stroke of typeText(text, this.#layout()).characters.flat()) sendStroke(view.sendKey, stroke);
    }
    this.modifiers.used();
  }

  /** Makes Ctrl and Alt of the buttons count for keys of a real or a soft keyboard in a terminal. */
  adopt(terminal: Terminal): void {
    terminal.interceptKeys(({ key, ctrlKey, altKey, metaKey }) => {
      const isHeld = this.modifiers.isHeld(control) || this.modifiers.isHeld(alt);
      if (!isHeld || key.length !== 1 || ctrlKey || altKey || metaKey) return null;
      const typed = this.#modified(key);
      this.modifiers.used();
      return typed;
    });
  }

  #modified(text: string): string {
    return withModifiers(text, { control: this.modifiers.isHeld(control), alt: this.modifiers.isHeld(alt) });
  }
}
