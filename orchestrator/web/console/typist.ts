// Sends strokes at a rate that a guest's keyboard controller follows.
import type { Stroke } from './typing.ts';

/** Presses or releases a key of the guest. */
export type SendKey = (keysym: number, code: string, down: boolean) => void;

const shift = { keysym: 0xffe1, code: 'ShiftLeft' };
const altGr = { keysym: 0xfe03, code: 'AltRight' };

/** Presses and releases a key, with its modifiers around it. */
export function sendStroke(send: SendKey, stroke: Stroke): void {
  const modifiers = [...(stroke.shift ? [shift] : []), ...(stroke.altGr ? [altGr] : [])];
  for (const { keysym, code } of modifiers) send(keysym, code, true);
  send(stroke.keysym, stroke.code, true);
  send(stroke.keysym, stroke.code, false);
  for (const { keysym, code } of modifiers.reverse()) send(keysym, code, false);
}

export interface TypingOptions {
  readonly characters: readonly (readonly Stroke[])[];
  readonly perSecond: number;
  readonly signal: AbortSignal;
  readonly send: SendKey;
  /** After each character. */
  readonly onProgress: (done: number) => void;
}

/** Types; true when everything was sent, false where the signal came first. */
export async function typeStrokes({
  characters,
  perSecond,
  signal,
  send,
  onProgress,
}: TypingOptions): Promise<boolean> {
  let due = performance.now();
  for (const [index, strokes] of characters.entries()) {
    if (signal.aborted) return false;
    for (const stroke of strokes) sendStroke(send, stroke);
    onProgress(index + 1);
    // A timer that came late in a hidden page must not be made up for by a burst.
    due = Math.max(due + 1000 / perSecond, performance.now());
    await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
  }
  return !signal.aborted;
}
