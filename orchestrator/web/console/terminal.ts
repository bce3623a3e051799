// The serial console of a machine, or the shell of one without a screen: xterm.js.
import { FitAddon } from '@xterm/addon-fit';
import { Terminal as Xterm } from '@xterm/xterm';
import type { ByteChannel } from './channel.ts';

const scrollbackLines = 10_000;
const [smallest, largest] = [8, 32];

const dark = { background: '#0d131a', foreground: '#dbe4ee', cursor: '#4cc2e0', selectionBackground: '#2b4a5e' };
const light = { background: '#fcfdfe', foreground: '#1b2733', cursor: '#0b6e8a', selectionBackground: '#bfe0ea' };

/** Sets `style` by the object model, which the page's content security policy lets through; the attribute it does not. */
function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

/**
 * Has the document make elements that the policy lets through: style elements with its nonce, and spans as above. Not by
 * documentOverride of xterm.js, which makes some of its elements by the page's own document all the same.
 */
function obeyPolicy(nonce: string): void {
  const make = document.createElement.bind(document);
  document.createElement = (tag: string, options?: ElementCreationOptions) => {
    const made = make(tag, options);
    if (tag === 'style') made.nonce = nonce;
    else if (tag === 'span') made.setAttribute = setAttribute;
    return made;
  };
}

/** A terminal in `place`, over as many connections as it takes. */
export class Terminal {
  readonly kind = 'serial';
  readonly #terminal: Xterm;
  readonly #fit = new FitAddon();
  #channel: ByteChannel | null = null;
  #watching = false;

  constructor(place: HTMLElement, settings: { fontSize: number; nonce: string }) {
    obeyPolicy(settings.nonce);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    this.#terminal = new Xterm({
      scrollback: scrollbackLines,
      fontSize: settings.fontSize,
      fontFamily: 'ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
      theme: scheme.matches ? dark : light,
      minimumContrastRatio: 4.5,
      cursorBlink: true,
      screenReaderMode: false,
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.open(place);
    this.#fit.fit();
    new ResizeObserver(() => this.#fit.fit()).observe(place);
    scheme.addEventListener('change', () => {
      this.#terminal.options.theme = scheme.matches ? dark : light;
    });
    const encoder = new TextEncoder();
    this.#terminal.onData((text) => this.#send(encoder.encode(text)));
    // Reports of the mouse, in bytes that are no text.
    this.#terminal.onBinary((text) => this.#send(Uint8Array.from(text, (character) => character.charCodeAt(0))));
  }

  /** Takes the bytes of another connection; what was shown stays. */
  attach(channel: ByteChannel): void {
    this.detach();
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.#terminal.write(new Uint8Array(data));
    this.setWatching(this.#watching);
  }

  /** Takes nothing more, and sends nothing. */
  detach(): void {
    if (this.#channel !== null) this.#channel.onmessage = null;
    this.#channel = null;
    this.#terminal.options.disableStdin = true;
  }

  /** Sends text as if it had been typed. */
  type(text: string): void {
    this.#terminal.input(text);
  }

  /** Pastes text; a program that knows of pastes is told. */
  paste(text: string): void {
    this.#terminal.paste(text);
  }

  /** What is marked, else everything, without the empty lines at its end. */
  text(): string {
    if (this.#terminal.hasSelection()) return this.#terminal.getSelection();
    const buffer = this.#terminal.buffer.active;
    const lines = Array.from(
      { length: buffer.length },
      (_, index) => buffer.getLine(index)?.translateToString(true) ?? '',
    );
    return lines.join('\n').trimEnd();
  }

  /** Makes letters larger or smaller; answers with their size in pixels. */
  resizeFont(by: number): number {
    const size = Math.min(largest, Math.max(smallest, (this.#terminal.options.fontSize ?? smallest) + by));
    this.#terminal.options.fontSize = size;
    this.#fit.fit();
    return size;
  }

  setWatching(watching: boolean): void {
    this.#watching = watching;
    this.#terminal.options.disableStdin = watching || this.#channel === null;
    this.#terminal.options.cursorBlink = !watching;
  }

  focus(): void {
    this.#terminal.focus();
  }

  /** Whether a press of a key has to be changed on its way; `change` answers with what is typed instead, or null. */
  interceptKeys(change: (event: KeyboardEvent) => string | null): void {
    this.#terminal.attachCustomKeyEventHandler((event) => {
      const typed = event.type === 'keydown' ? change(event) : null;
      if (typed === null) return true;
      event.preventDefault();
      this.type(typed);
      return false;
    });
  }

  #send(data: Uint8Array<ArrayBuffer>): void {
    if (!this.#watching) this.#channel?.send(data);
  }
}
