// The screen of a machine: noVNC, with what it leaves to its page.
import RFB from '@novnc/novnc';
import type { ByteChannel } from './channel.ts';
import { element } from './dom.ts';
import type { Scaling } from './preferences.ts';
import type { SendKey } from './typist.ts';

/** What a screen tells its page. */
export interface ScreenEvents {
  /** Its first picture is there. */
  shown(): void;
  clipboard(text: string): void;
  /** What arrived is no screen. */
  garbled(): void;
  /** Nothing arrived for long. */
  silent(): void;
}

/** Until a screen has to have said its size. */
const silenceMs = 10_000;
/** Most points of a screen: browsers draw no more, and a server that claims more is not to be believed. */
const mostPoints = 16_384 * 8192;

/** A screen in `place`, until `close`. */
export class Screen {
  readonly kind = 'vnc';
  readonly #rfb: RFB;
  readonly #place: HTMLElement;
  #open = true;

  constructor(
    place: HTMLElement,
    channel: ByteChannel,
    settings: { scaling: Scaling; watching: boolean },
    events: ScreenEvents,
  ) {
    this.#place = place;
    const patience = setTimeout(() => this.#stop(events.silent), silenceMs);
    this.#rfb = new RFB(
      place,
      this.#guarded(channel, () => this.#stop(events.garbled)),
      { shared: true },
    );
    this.#rfb.background = 'transparent';
    // On a phone at its top, where neither the soft keyboard nor a panel covers it.
    const canvas = place.querySelector('canvas');
    if (canvas !== null && matchMedia('(max-width: 640px)').matches) canvas.style.margin = '0 auto';
    this.#rfb.showDotCursor = false;
    this.#rfb.addEventListener('connect', () => {
      clearTimeout(patience);
      events.shown();
    });
    this.#rfb.addEventListener('disconnect', ({ detail }) => {
      clearTimeout(patience);
      if (!detail.clean) this.#stop(events.garbled);
    });
    this.#rfb.addEventListener('credentialsrequired', () => this.#stop(events.garbled));
    this.#rfb.addEventListener('securityfailure', () => this.#stop(events.garbled));
    this.#rfb.addEventListener('clipboard', ({ detail }) => events.clipboard(detail.text));
    this.setScaling(settings.scaling);
    this.setWatching(settings.watching);
  }

  /** A key of the guest, pressed or released. */
  readonly sendKey: SendKey = (keysym, code, down) => this.#rfb.sendKey(keysym, code, down);

  setScaling(scaling: Scaling): void {
    this.#rfb.scaleViewport = scaling !== 'actual';
    this.#rfb.clipViewport = scaling === 'actual';
    this.#rfb.resizeSession = scaling === 'match';
    // On touch screens a drag moves the part that is seen; elsewhere there are scroll bars.
    this.#rfb.dragViewport = scaling === 'actual' && matchMedia('(pointer: coarse)').matches;
    if (scaling === 'actual' && !this.#rfb.dragViewport) this.#rfb.clipViewport = false;
  }

  /** True: keys and pointer do nothing. The proxy would drop them as well. */
  setWatching(watching: boolean): void {
    this.#rfb.viewOnly = watching;
    this.#rfb.focusOnClick = !watching;
  }

  /** Gives text to the guest's clipboard. */
  paste(text: string): void {
    this.#rfb.clipboardPasteFrom(text);
  }

  focus(): void {
    this.#rfb.focus({ preventScroll: true });
  }

  /** The last picture, to be seen while there is no connection; null where there was none. */
  still(): HTMLCanvasElement | null {
    try {
      const shown = this.#place.querySelector('canvas');
      if (shown === null || shown.width * shown.height === 0) return null;
      const canvas = element('canvas', { width: shown.width, height: shown.height });
      canvas.getContext('2d')?.drawImage(shown, 0, 0);
      return canvas;
    } catch {
      return null;
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#rfb.disconnect();
  }

  #stop(tell: () => void): void {
    if (!this.#open) return;
    this.close();
    tell();
  }

  /** Looks at what noVNC made of each frame: it believes any size of a screen. */
  #guarded(channel: ByteChannel, unbelievable: () => void): ByteChannel {
    const place = this.#place;
    let listener: ByteChannel['onmessage'] = null;
    return {
      binaryType: 'arraybuffer',
      protocol: '',
      get readyState() {
        return channel.readyState;
      },
      get onmessage() {
        return listener;
      },
      set onmessage(next) {
        listener = next;
        channel.onmessage =
          next === null
            ? null
            : (event) => {
                next(event);
                const canvas = place.querySelector('canvas');
                if (canvas !== null && canvas.width * canvas.height > mostPoints) unbelievable();
              };
      },
      onopen: null,
      onerror: null,
      get onclose() {
        return channel.onclose;
      },
      set onclose(next) {
        channel.onclose = next;
      },
      send: (data) => channel.send(data),
      close: () => channel.close(),
    };
  }
}
