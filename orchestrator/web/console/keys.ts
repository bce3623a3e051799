// Keys that a browser or a touch screen keeps from a guest.

/** A key of a guest: X11's number and KeyboardEvent.code. */
export interface Key {
  readonly name: string;
  readonly keysym: number;
  readonly code: string;
  /** What a terminal sends for it. */
  readonly text?: string;
}

const escapeCharacter = '\u001b';

/** Keys that are held until the next one. */
export const modifiers = [
  { name: 'Ctrl', keysym: 0xffe3, code: 'ControlLeft' },
  { name: 'Alt', keysym: 0xffe9, code: 'AltLeft' },
  { name: 'Shift', keysym: 0xffe1, code: 'ShiftLeft' },
  { name: 'Win', keysym: 0xffeb, code: 'MetaLeft' },
] as const satisfies readonly Key[];

export const control: Key = modifiers[0];
export const alt: Key = modifiers[1];

/** In the order of the key bar. */
export const plainKeys: readonly Key[] = [
  { name: 'Esc', keysym: 0xff1b, code: 'Escape', text: escapeCharacter },
  { name: 'Tab', keysym: 0xff09, code: 'Tab', text: '\t' },
  { name: '←', keysym: 0xff51, code: 'ArrowLeft', text: `${escapeCharacter}[D` },
  { name: '↑', keysym: 0xff52, code: 'ArrowUp', text: `${escapeCharacter}[A` },
  { name: '↓', keysym: 0xff54, code: 'ArrowDown', text: `${escapeCharacter}[B` },
  { name: '→', keysym: 0xff53, code: 'ArrowRight', text: `${escapeCharacter}[C` },
  { name: 'Enter', keysym: 0xff0d, code: 'Enter', text: '\r' },
  { name: 'Del', keysym: 0xffff, code: 'Delete', text: `${escapeCharacter}[3~` },
  { name: 'Home', keysym: 0xff50, code: 'Home', text: `${escapeCharacter}[H` },
  { name: 'End', keysym: 0xff57, code: 'End', text: `${escapeCharacter}[F` },
  { name: 'PgUp', keysym: 0xff55, code: 'PageUp', text: `${escapeCharacter}[5~` },
  { name: 'PgDn', keysym: 0xff56, code: 'PageDown', text: `${escapeCharacter}[6~` },
];

/** What screen readers call keys whose name is a picture or short. */
export const spokenNames: Readonly<Record<string, string>> = {
  '←': 'Left',
  '↑': 'Up',
  '↓': 'Down',
  '→': 'Right',
  Esc: 'Escape',
  Del: 'Delete',
  PgUp: 'Page Up',
  PgDn: 'Page Down',
};

export const deleteKey: Key = { name: 'Delete', keysym: 0xffff, code: 'Delete' };
export const backspaceKey: Key = { name: 'Backspace', keysym: 0xff08, code: 'Backspace', text: '\u007f' };
export const printKey: Key = { name: 'PrtSc', keysym: 0xff61, code: 'PrintScreen' };

/** F1 to F12. */
export const functionKeys: readonly Key[] = Array.from({ length: 12 }, (_, index) => ({
  name: `F${index + 1}`,
  keysym: 0xffbe + index,
  code: `F${index + 1}`,
}));

/** Control characters that a terminal is often sent. */
export const controlCharacters: readonly Key[] = ['C', 'D', 'Z', 'L', 'R', '\\', ']'].map((letter) => ({
  name: `Ctrl-${letter}`,
  keysym: 0,
  code: '',
  text: String.fromCharCode(letter.charCodeAt(0) & 0x1f),
}));
