// The bytes of a console, as noVNC and the terminal take them: only binary frames, from the moment that it is open.

/** What noVNC asks of a channel: the shape of an RTCDataChannel. */
export interface ByteChannel {
  binaryType: string;
  readonly protocol: string;
  readonly readyState: 'open' | 'closed';
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: ArrayBuffer }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(data: ArrayBufferView<ArrayBuffer> | ArrayBuffer): void;
  close(): void;
}

/** The other end of a channel: what arrives goes in by `deliver`. */
export interface ChannelFeed {
  readonly channel: ByteChannel;
  deliver(data: ArrayBuffer): void;
  /** The connection is gone: whoever has the channel closes it. */
  end(): void;
}

/**
 * Makes a channel. What arrives before somebody listens is kept. `send` carries bytes away; `failed` is told what a
 * listener threw: it read something that it does not understand, and hears nothing more.
 */
export function createChannel(
  send: (data: ArrayBufferView<ArrayBuffer> | ArrayBuffer) => void,
  failed: (error: unknown) => void,
): ChannelFeed {
  let early: ArrayBuffer[] = [];
  let state: 'open' | 'closed' = 'open';
  let listener: ByteChannel['onmessage'] = null;
  let ended = false;
  const tell = (data: ArrayBuffer) => {
    try {
      listener?.({ data });
    } catch (error) {
      ended = true;
      failed(error);
    }
  };
  const channel: ByteChannel = {
    binaryType: 'arraybuffer',
    protocol: '',
    get readyState() {
      return state;
    },
    onopen: null,
    get onmessage() {
      return listener;
    },
    set onmessage(next) {
      listener = next;
      const waiting = early;
      early = [];
      // After the caller is done: noVNC sets its listener before it is ready for what it hears.
      if (next !== null && waiting.length > 0) queueMicrotask(() => waiting.forEach(tell));
    },
    onerror: null,
    onclose: null,
    send: (data) => {
      if (state === 'open' && !ended) send(data);
    },
    close: () => {
      state = 'closed';
      // As a real one: not while it is being closed.
      queueMicrotask(() => channel.onclose?.({ code: 1000, reason: '' }));
    },
  };
  return {
    channel,
    deliver: (data) => {
      if (state !== 'open' || ended) return;
      if (listener === null) early.push(data);
      else tell(data);
    },
    end: () => {
      ended = true;
    },
  };
}
