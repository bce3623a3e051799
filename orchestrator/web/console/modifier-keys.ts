// Keys that are held for the next key: pressed once for one key, twice until they are pressed again.
import { button } from './dom.ts';
import type { Key } from './keys.ts';
import type { SendKey } from './typist.ts';

type Held = 'up' | 'once' | 'locked';
const next: Readonly<Record<Held, Held>> = { up: 'once', once: 'locked', locked: 'up' };

/** What is held of the modifiers, and the buttons that show it. */
export class ModifierKeys {
  readonly #send: SendKey;
  readonly #held = new Map<string, Held>();
  readonly #buttons: { readonly key: Key; readonly button: HTMLButtonElement }[] = [];

  constructor(send: SendKey) {
    this.#send = send;
  }

  /** A button that holds `key`; there may be several of one key. */
  button(key: Key, pressed: () => void): HTMLButtonElement {
    const made = button({
      label: key.name,
      class: 'key',
      press: () => {
        this.#become(key, next[this.#held.get(key.code) ?? 'up']);
        pressed();
      },
    });
    made.setAttribute('aria-pressed', 'false');
    made.title = 'Held for the next key; press twice to hold it longer';
    this.#buttons.push({ key, button: made });
    return made;
  }

  isHeld(key: Key): boolean {
    return (this.#held.get(key.code) ?? 'up') !== 'up';
  }

  /** After a key: lets go of what was held for it. */
  used(): void {
    for (const { key } of this.#buttons) if (this.#held.get(key.code) === 'once') this.#become(key, 'up');
  }

  /** Lets go of everything. */
  release(): void {
    for (const { key } of this.#buttons) this.#become(key, 'up');
  }

  #become(key: Key, held: Held): void {
    const before = this.#held.get(key.code) ?? 'up';
    if (before === held) return;
    this.#held.set(key.code, held);
    if (before === 'up' || held === 'up') this.#send(key.keysym, key.code, held !== 'up');
    for (const one of this.#buttons.filter((entry) => entry.key.code === key.code)) {
      one.button.setAttribute('aria-pressed', String(held !== 'up'));
      one.button.classList.toggle('locked', held === 'locked');
    }
  }
}
