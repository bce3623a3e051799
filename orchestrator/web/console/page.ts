// The page while there is a session: its bar, its stage, and what passes between them.
import type { ConsoleKind, ConsoleMode } from '@isthmus/contract';
import { type Bar, createBar } from './bar.ts';
import { type CardActions, choiceCard, connectingCard, endedCard, reconnectingCard, showCard } from './card.ts';
import type { ByteChannel } from './channel.ts';
import { type ClipboardPanel, copyText, createClipboardPanel } from './clipboard-panel.ts';
import type { Configuration } from './configuration.ts';
import { displayMenu } from './display-menu.ts';
import { button, element, icon } from './dom.ts';
import { type Opening, writeFragment } from './fragment.ts';
import { hasFullScreen, toggleFullScreen } from './full-screen.ts';
import { Keyboard } from './keyboard.ts';
import { keyBar, screenKeys, terminalKeys } from './keys-menu.ts';
import { createPopover, type Popover } from './popover.ts';
import { keepPreferences, readPreferences } from './preferences.ts';
import type { Screen } from './screen.ts';
import { ConsoleSession, type SessionState } from './session.ts';
import { createSoftKeyboard } from './soft-keyboard.ts';
import type { Terminal } from './terminal.ts';
import { createToast } from './toast.ts';
import { chosenLayout, createTypingPanel } from './typing-panel.ts';
import { viewersMenu } from './viewers-menu.ts';
import { namesOf } from './words.ts';

export interface ConsoleOptions {
  readonly configuration: Configuration;
  readonly opening: Opening;
  /** Of the page's content security policy, for style elements. */
  readonly nonce: string;
}

/** A console on the page. */
export class ConsolePage {
  readonly #nonce: string;
  readonly #cards = element('div', { class: 'cards' });
  readonly #place = element('div', { class: 'view' });
  readonly #still = element('div', { class: 'still', 'aria-hidden': 'true' });
  readonly #toast = createToast();
  readonly #keyboard = new Keyboard(() => this.#view, chosenLayout);
  readonly #soft = createSoftKeyboard(this.#keyboard);
  readonly #keys = element('div', { class: 'key-groups' });
  readonly #people = viewersMenu(() => this.#session.leave());
  readonly #bar: Bar = createBar(
    {
      takeControl: () => this.#session.choose('control'),
      giveUpControl: () => this.#session.choose('watch'),
      copy: () => void this.#copy(),
      paste: () => void this.#paste(),
      resizeFont: (by) => this.#resizeFont(by),
      softKeyboard: () => this.#soft.focus(),
      fullScreen: () => void this.#fullScreen(),
    },
    hasFullScreen,
  );
  readonly #clipboard: ClipboardPanel;
  readonly #typing = createTypingPanel(
    () => (this.#view?.kind === 'vnc' && this.#mode() === 'control' ? this.#view.sendKey : null),
    () => this.#toast.say('Typed'),
  );
  readonly #popovers: readonly Popover[];
  readonly #session: ConsoleSession;
  #view: Screen | Terminal | null = null;
  /** Of the connection that stands. */
  #channel: ByteChannel | null = null;
  #state: SessionState = { kind: 'connecting' };

  /** Puts it on the page, and opens it. */
  constructor({ configuration, opening, nonce }: ConsoleOptions) {
    this.#nonce = nonce;
    this.#clipboard = createClipboardPanel((text) => {
      if (this.#view?.kind === 'vnc') this.#view.paste(text);
    }, this.#toast.say);
    const display = displayMenu((scaling) => {
      keepPreferences({ scaling });
      if (this.#view?.kind === 'vnc') this.#view.setScaling(scaling);
    });
    const { keys, typing, clipboard, display: size, viewers } = this.#bar.openers;
    this.#popovers = [
      createPopover(keys, { title: 'Keys' }, this.#keys),
      createPopover(typing, { title: 'Type text', stays: true, closed: this.#typing.stop }, ...this.#typing.content),
      createPopover(clipboard, { title: 'Clipboard', stays: true }, ...this.#clipboard.content),
      createPopover(size, { title: 'Display' }, display),
      createPopover(viewers, { title: 'People' }, this.#people.element),
    ];
    const reveal = () => keys.focus();
    const handle = element(
      'button',
      { type: 'button', class: 'handle', 'aria-label': 'Show the bar', onclick: reveal },
      icon('down'),
    );
    const stage = element('main', { class: 'stage' }, this.#still, this.#place, this.#cards, this.#toast.element);
    const popovers = this.#popovers.map((one) => one.element);
    document.body.append(handle, this.#bar.element, stage, keyBar(this.#keyboard), this.#soft, ...popovers);
    this.#listen();
    const { proxies } = configuration;
    this.#session = new ConsoleSession({
      ...opening,
      proxies,
      onState: (state) => this.#become(state),
      onChannel: (channel, kind) => void this.#open(channel, kind),
      onStranger: (next) => {
        // Only a page that is loaded again may reach a proxy that is younger than this page.
        history.replaceState(null, '', `${location.pathname}${writeFragment(next)}`);
        location.reload();
      },
    });
    this.#session.start();
  }

  #mode(): ConsoleMode | null {
    return this.#state.kind === 'open' ? this.#state.mode : null;
  }

  #focus(): void {
    this.#view?.focus();
  }

  #become(state: SessionState): void {
    const before = this.#state;
    this.#state = state;
    this.#bar.show(state);
    document.body.dataset.state = state.kind;
    document.body.dataset.mode = this.#mode() ?? 'none';
    if (state.kind === 'open') {
      this.#people.show(state.mode, state.viewers);
      if (before.kind === 'open') this.#sayWhoCame(before, state);
      this.#view?.setWatching(state.mode === 'watch');
    } else {
      for (const popover of this.#popovers) popover.close();
      if (before.kind === 'open') this.#put();
    }
    if (state.kind !== before.kind || state.kind === 'reconnecting') showCard(this.#cards, this.#card());
  }

  #card(): HTMLElement | null {
    const state = this.#state;
    const actions: CardActions = {
      choose: (mode) => this.#session.choose(mode),
      retry: () => this.#session.retry(),
      leave: () => this.#session.leave(),
    };
    switch (state.kind) {
      case 'connecting':
        return connectingCard();
      case 'choosing':
        return choiceCard(state.viewers, actions);
      case 'reconnecting':
        return reconnectingCard(state.attempt, actions);
      case 'ended':
        return endedCard(state.reason, state.message, state.canReturn, actions);
      case 'open':
        return 'shown' in document.body.dataset ? null : connectingCard();
    }
  }

  #sayWhoCame(before: Extract<SessionState, { kind: 'open' }>, now: Extract<SessionState, { kind: 'open' }>): void {
    const inControl = now.viewers.filter(({ mode }) => mode === 'control');
    if (before.mode === 'control' && now.mode === 'watch' && inControl.length > 0) {
      const back = button({ label: 'Take it back', press: () => this.#session.choose('control') });
      this.#typing.stop();
      this.#toast.say(`${namesOf(inControl)} has taken control. You go on watching.`, back);
    } else if (before.mode === 'watch' && now.mode === 'control') {
      this.#toast.say('You are in control');
      this.#focus();
    } else if (now.viewers.length > before.viewers.length) {
      const known = before.viewers.map(({ user }) => user);
      const came = now.viewers.filter(({ user }) => !known.includes(user));
      this.#toast.say(`${namesOf(came.length > 0 ? came : now.viewers)} came in to watch`);
    }
  }

  /** A connection stands: shows what comes over it, by a part of the page that is loaded now. */
  async #open(channel: ByteChannel, kind: ConsoleKind): Promise<void> {
    this.#channel = channel;
    const isHere = () => this.#channel === channel;
    try {
      if (kind === 'serial') await this.#openTerminal(channel, isHere);
      else await this.#openScreen(channel, isHere);
    } catch {
      if (isHere()) this.#session.fail('unloaded');
    }
  }

  async #openTerminal(channel: ByteChannel, isHere: () => boolean): Promise<void> {
    const { Terminal } = await import('./terminal.ts');
    if (!isHere()) return;
    const known = this.#view?.kind === 'serial' ? this.#view : null;
    const terminal = known ?? new Terminal(this.#place, { fontSize: readPreferences().fontSize, nonce: this.#nonce });
    if (known === null) {
      this.#keys.replaceChildren(...terminalKeys(this.#keyboard));
      this.#keyboard.adopt(terminal);
    }
    this.#view = terminal;
    terminal.attach(channel);
    terminal.setWatching(this.#mode() === 'watch');
    this.#show();
    terminal.focus();
  }

  async #openScreen(channel: ByteChannel, isHere: () => boolean): Promise<void> {
    const { Screen } = await import('./screen.ts');
    if (!isHere()) return;
    this.#keys.replaceChildren(...screenKeys(this.#keyboard, () => this.#focus()));
    const settings = { scaling: readPreferences().scaling, watching: this.#mode() === 'watch' };
    this.#view = new Screen(this.#place, channel, settings, {
      shown: () => {
        this.#still.replaceChildren();
        this.#show();
        this.#focus();
      },
      clipboard: (text) => {
        this.#clipboard.received(text);
        if (document.hasFocus()) void copyText(text);
      },
      garbled: () => this.#session.fail('garbled'),
      silent: () => this.#session.fail('silent'),
    });
  }

  /** There is something to see. */
  #show(): void {
    document.body.dataset.shown = '';
    showCard(this.#cards, null);
  }

  /** The connection is gone: what was seen last stays, dimmed. */
  #put(): void {
    this.#channel = null;
    this.#keyboard.modifiers.release();
    this.#typing.stop();
    if (this.#view?.kind === 'serial') this.#view.detach();
    else if (this.#view !== null) {
      const still = this.#view.still();
      if (still !== null) this.#still.replaceChildren(still);
      this.#view.close();
      this.#view = null;
    }
    delete document.body.dataset.shown;
  }

  #resizeFont(by: number): void {
    if (this.#view?.kind === 'serial') keepPreferences({ fontSize: this.#view.resizeFont(by) });
    this.#focus();
  }

  async #copy(): Promise<void> {
    if (this.#view?.kind !== 'serial') return;
    const copied = await copyText(this.#view.text());
    this.#toast.say(copied ? 'Copied' : 'Your browser does not let pages copy here. Mark the text and press Ctrl-C.');
    this.#focus();
  }

  async #paste(): Promise<void> {
    if (this.#view?.kind !== 'serial') return;
    try {
      this.#view.paste(await navigator.clipboard.readText());
    } catch {
      this.#toast.say('Your browser does not let pages read the clipboard here. Press Ctrl-V.');
    }
    this.#focus();
  }

  async #fullScreen(): Promise<void> {
    try {
      await toggleFullScreen();
    } catch {
      this.#toast.say('Your browser does not let this page take the full screen.');
    }
    this.#focus();
  }

  #listen(): void {
    const leave = (event: KeyboardEvent) => {
      if (!event.ctrlKey || !event.altKey || !event.shiftKey || event.code !== 'KeyK') return;
      event.preventDefault();
      event.stopImmediatePropagation();
      this.#bar.openers.keys.focus();
    };
    addEventListener('keydown', leave, { capture: true });
    // noVNC lets go of keys where the window loses the focus; the screen losing it to the bar is the same to the guest.
    this.#place.addEventListener('focusout', () => dispatchEvent(new Event('blur')));
    // A key on the screen uses up what the buttons hold.
    const used = ({ key }: KeyboardEvent) => {
      const isModifier = ['Control', 'Alt', 'Shift', 'Meta', 'AltGraph'].includes(key);
      if (this.#view?.kind === 'vnc' && !isModifier) this.#keyboard.modifiers.used();
    };
    this.#place.addEventListener('keyup', used, { capture: true });
    document.addEventListener('fullscreenchange', () => {
      const isFull = document.fullscreenElement !== null;
      const label = this.#bar.fullScreen.querySelector('span');
      if (label !== null) label.textContent = isFull ? 'Leave full screen' : 'Full screen';
      this.#bar.fullScreen.querySelector('svg')?.replaceWith(icon(isFull ? 'reduce' : 'enlarge'));
    });
    addEventListener('online', () => this.#session.retry());
  }
}
