// Text → key strokes on a guest's keyboard layout. A guest sees keys, not characters: QEMU takes positions of keys.
import { keyCodes, type Layout } from './layouts.ts';

/** One key, pressed with modifiers. `code`: KeyboardEvent.code; `keysym`: X11's number, for servers that take characters. */
export interface Stroke {
  readonly code: string;
  readonly keysym: number;
  readonly shift: boolean;
  readonly altGr: boolean;
}

/** What becomes of a text. */
export interface Strokes {
  /** The strokes of each character, in order. */
  readonly characters: readonly (readonly Stroke[])[];
  /** Characters that the layout has no keys for, each once. */
  readonly missing: readonly string[];
}

/** Accents that a dead key gives by itself, with the space bar after it. */
const spacingAccents: Readonly<Record<string, string>> = {
  '`': '\u0300',
  '´': '\u0301',
  '^': '\u0302',
  '~': '\u0303',
  '¨': '\u0308',
  '°': '\u030a',
  '¸': '\u0327',
  ˇ: '\u030c',
};

/** KeyboardEvent.code and keysym of characters that every layout has. */
const common: Readonly<Record<string, readonly [string, number]>> = {
  ' ': ['Space', 0x20],
  '\n': ['Enter', 0xff0d],
  '\t': ['Tab', 0xff09],
};

const deadKeysyms: Readonly<Record<string, number>> = {
  '\u0300': 0xfe50,
  '\u0301': 0xfe51,
  '\u0302': 0xfe52,
  '\u0303': 0xfe53,
  '\u0304': 0xfe54,
  '\u0306': 0xfe55,
  '\u0307': 0xfe56,
  '\u0308': 0xfe57,
  '\u030a': 0xfe58,
  '\u030b': 0xfe59,
  '\u030c': 0xfe5a,
  '\u0327': 0xfe5b,
  '\u0328': 0xfe5c,
};

/** X11's number of a character (keysymdef.h; Unicode's own where it has none). */
export function keysymOf(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (character === '€') return 0x20ac;
  return deadKeysyms[character] ?? (point < 0x100 ? point : 0x100_0000 + point);
}

/** How far away each level of a key is. */
const levelCosts = [0, 1, 4, 6];
/** The key that only European keyboards have is further. */
const extraKeyCost = 1.5;
/** X11 has more letters with AltGr than Windows: of two ways, the other is the one that both have. */
const altGrLetterCost = 0.5;

function costOf(code: string, level: number): number {
  const extra = code === 'IntlBackslash' ? extraKeyCost : 0;
  const letter = level >= 2 && code.startsWith('Key') ? altGrLetterCost : 0;
  return (levelCosts[level] ?? 0) + extra + letter;
}

/** Character → its cheapest stroke. */
function strokesByCharacter(layout: Layout): Map<string, Stroke> {
  const found = new Map<string, { stroke: Stroke; cost: number }>();
  layout.levels.forEach((level, index) => {
    [...level].forEach((character, position) => {
      const code = keyCodes[position];
      if (character === ' ' || code === undefined) return;
      const cost = costOf(code, index);
      if ((found.get(character)?.cost ?? Number.POSITIVE_INFINITY) <= cost) return;
      const stroke = { code, keysym: keysymOf(character), shift: index % 2 === 1, altGr: index >= 2 };
      found.set(character, { stroke, cost });
    });
  });
  for (const [character, [code, keysym]] of Object.entries(common)) {
    found.set(character, { stroke: { code, keysym, shift: false, altGr: false }, cost: 0 });
  }
  return new Map([...found].map(([character, { stroke }]) => [character, stroke]));
}

/** The strokes of one character; null where the layout has none for it. */
function strokesOf(keys: ReadonlyMap<string, Stroke>, character: string): readonly Stroke[] | null {
  const direct = keys.get(character);
  if (direct !== undefined) return [direct];
  const [base, accent, ...rest] = [...character.normalize('NFD')];
  const accentOf = spacingAccents[character];
  const pair = accentOf === undefined ? [accent, base] : [accentOf, ' '];
  const strokes = pair.map((one) => (one === undefined ? undefined : keys.get(one)));
  if (rest.length > 0 || strokes.some((stroke) => stroke === undefined)) return null;
  return strokes.filter((stroke) => stroke !== undefined);
}

/** Says which keys type `text` on a keyboard of `layout`. Line ends of any kind are Enter. */
export function typeText(text: string, layout: Layout): Strokes {
  const keys = strokesByCharacter(layout);
  const missing = new Set<string>();
  const characters: (readonly Stroke[])[] = [];
  for (const character of text.replaceAll(/\r\n?/g, '\n').normalize('NFC')) {
    const strokes = strokesOf(keys, character);
    if (strokes === null) missing.add(character);
    else characters.push(strokes);
  }
  return { characters, missing: [...missing] };
}
