// One orchestrator's channel: a WebSocket on the control server, with OrchestratorMessages down and ProxyMessages up.
import { type OrchestratorMessage, OrchestratorMessageSchema, type ProxyMessage, validator } from '@isthmus/contract';
import type { Clock, Log } from '@isthmus/host';
import type { WebSocket } from 'ws';

const messageValidator = validator(OrchestratorMessageSchema);

/** Between two pings. */
const pingMs = 4_000;
/** Who has said nothing for this long is gone: a peer that was killed says nothing. */
const silenceMs = 12_000;
/** Bytes that wait to be sent. Who does not read them is gone, too. */
const backlogBytes = 8 * 1024 * 1024;

/** Who hears of a channel. `closed` is called once. */
export interface ChannelListener {
  message(message: OrchestratorMessage): void;
  closed(): void;
}

export class Channel {
  /** When it answered last; when it was opened, before that. Clock's monotonicMs. */
  answeredAt: number;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #ended = new AbortController();
  #heardAt: number;

  /** `isAdmitted`: whether the peer's certificate is good still, asked at each ping. */
  constructor(
    socket: WebSocket,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
    isAdmitted: () => boolean,
    listener: ChannelListener,
  ) {
    this.#socket = socket;
    this.#clock = clock;
    this.#log = log;
    this.answeredAt = clock.monotonicMs();
    this.#heardAt = this.answeredAt;
    const heard = () => {
      this.#heardAt = clock.monotonicMs();
    };
    socket.on('pong', heard).on('ping', heard);
    socket.on('error', (error) => log.warn('a channel of an orchestrator broke', { reason: error.message }));
    socket.on('close', () => {
      this.#ended.abort();
      listener.closed();
    });
    socket.on('message', (data, isBinary) => {
      heard();
      const message = isBinary ? null : parse(String(data));
      if (message === null) this.#refuse('a message that is none of an orchestrator');
      else listener.message(message);
    });
    void this.#watch(isAdmitted);
  }

  /** Nothing where it is closed. */
  send(message: ProxyMessage): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > backlogBytes) this.#end('it does not read');
    else this.#socket.send(JSON.stringify(message));
  }

  /** Says that the proxy goes. */
  close(): void {
    this.#socket.close(1001);
    this.#ended.abort();
    this.#socket.terminate();
  }

  async #watch(isAdmitted: () => boolean): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const silentMs = this.#clock.monotonicMs() - this.#heardAt;
      if (silentMs >= silenceMs) this.#end(`it said nothing for ${Math.round(silentMs / 1000)} s`);
      else if (!isAdmitted()) this.#end('its certificate is not good any more');
      else this.#socket.ping();
      await this.#clock.sleep(pingMs, signal).catch(() => {});
    }
  }

  #refuse(reason: string): void {
    this.#log.warn('a channel of an orchestrator is closed', { reason });
    this.#socket.close(1007);
  }

  #end(reason: string): void {
    this.#log.warn('a channel of an orchestrator is ended', { reason });
    this.#socket.terminate();
  }
}

/** Null for what is no OrchestratorMessage. */
function parse(text: string): OrchestratorMessage | null {
  try {
    const value: unknown = JSON.parse(text);
    return messageValidator.check(value) ? value : null;
  } catch {
    return null;
  }
}
