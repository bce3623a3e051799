// What is to be done about a host: pure, of what is known of it and whether it answered. Fencing is positive: nothing of
// a silent host is started elsewhere before its power-off is confirmed.

export type HostState = 'Connecting' | 'Up' | 'Down' | 'Disconnected' | 'Alert';

/** What the last questions to a host brought. */
export interface HostSigns {
  /** True: the last question was answered. */
  readonly answered: boolean;
  /** Questions without an answer in a row. */
  readonly failures: number;
  /** Milliseconds since the last answer, or since this orchestrator began to ask. */
  readonly silentMs: number;
}

/**
 * - `join`: redeem its join token. - `refresh`: write down what it says of itself.
 * - `wait`: it may answer yet. - `fence`: it is lost; have its power-off confirmed.
 * - `evacuate`: it is off; start what it carried elsewhere. - `return`: it is back; take from it what runs elsewhere.
 */
export type HostStep = 'join' | 'refresh' | 'wait' | 'fence' | 'evacuate' | 'return';

/** More failures than one, so that a pause of the orchestrator itself is not taken for a host's. */
const fewestFailures = 2;

/** The step that a host's signs ask for. */
export function hostStep({ state }: { readonly state: HostState }, signs: HostSigns, timeoutMs: number): HostStep {
  if (state === 'Connecting') return 'join';
  if (signs.answered) return state === 'Up' ? 'refresh' : 'return';
  if (state === 'Down') return 'evacuate';
  return signs.failures >= fewestFailures && signs.silentMs >= timeoutMs ? 'fence' : 'wait';
}
