// Our keyboard layouts against xkb-data's own, as xkbcomp reads them.
import { readFile } from 'node:fs/promises';
import { createHost } from '@isthmus/host';
import { keyCodes, layouts } from '@isthmus/orchestrator/web/console/layouts';
import test from 'ava';

const deadKeys: Readonly<Record<string, string>> = {
  dead_grave: '\u0300',
  dead_acute: '\u0301',
  dead_circumflex: '\u0302',
  dead_tilde: '\u0303',
  dead_macron: '\u0304',
  dead_breve: '\u0306',
  dead_abovedot: '\u0307',
  dead_diaeresis: '\u0308',
  dead_abovering: '\u030a',
  dead_doubleacute: '\u030b',
  dead_caron: '\u030c',
  dead_cedilla: '\u0327',
  dead_ogonek: '\u0328',
};

const rows: Readonly<Record<string, readonly string[]>> = {
  AE: [...'1234567890'].map((digit) => `Digit${digit}`).concat('Minus', 'Equal', 'IntlYen'),
  AD: [...'QWERTYUIOP'].map((letter) => `Key${letter}`).concat('BracketLeft', 'BracketRight'),
  AC: [...'ASDFGHJKL'].map((letter) => `Key${letter}`).concat('Semicolon', 'Quote'),
  AB: [...'ZXCVBNM'].map((letter) => `Key${letter}`).concat('Comma', 'Period', 'Slash', 'IntlRo'),
};
const others: Readonly<Record<string, string>> = { TLDE: 'Backquote', BKSL: 'Backslash', LSGT: 'IntlBackslash' };

/** KeyboardEvent.code of a key by its name in xkb. */
function codeOf(name: string): string | undefined {
  return others[name] ?? rows[name.slice(0, 2)]?.[Number(name.slice(2)) - 1];
}

/** Characters by the names of their keysyms. */
async function keysyms(): Promise<Map<string, string>> {
  const header = await readFile('/usr/include/X11/keysymdef.h', 'utf8');
  const lines = header.matchAll(/^#define XK_(\w+)\s+0x[0-9a-f]+\s+\/\*\(?\s*U\+([0-9A-F]+)/gm);
  return new Map(
    [...lines].map(([, name = '', point = '']) => [name, String.fromCodePoint(Number.parseInt(point, 16))]),
  );
}

test('every layout is as xkb-data has it', async (t) => {
  const known = await keysyms();
  const characterOf = (name: string) => {
    const [, point] = /^U([0-9A-F]{4,6})$/i.exec(name) ?? [];
    return (
      deadKeys[name] ??
      known.get(name) ??
      (point === undefined ? ' ' : String.fromCodePoint(Number.parseInt(point, 16)))
    );
  };
  for (const layout of layouts) {
    const input = `xkb_keymap {
      xkb_keycodes { include "evdev+aliases(qwerty)" };
      xkb_types { include "complete" };
      xkb_compat { include "complete" };
      xkb_symbols { include "pc+${layout.id}+inet(evdev)" };
    };`;
    const { stdout } = await createHost().commands.run('xkbcomp', ['-xkb', '-w', '0', '-', '-'], { input });
    let compared = 0;
    for (const [, name = '', body = ''] of stdout.matchAll(/key <(\w{4})> \{([^}]*)\}/g)) {
      const index = keyCodes.indexOf(codeOf(name) ?? '');
      const symbols = /symbols\[Group1\]=\s*\[([^\]]*)\]/.exec(body)?.[1] ?? /^\s*\[([^\]]*)\]/.exec(body)?.[1];
      if (index < 0 || symbols === undefined) continue;
      const theirs = symbols.split(',').map((symbol) => characterOf(symbol.trim()));
      const ours = layout.levels.map((level) => [...level][index] ?? '');
      t.deepEqual(
        ours,
        [0, 1, 2, 3].map((level) => theirs[level] ?? ' '),
        `${layout.id}: ${name}`,
      );
      compared += 1;
    }
    t.true(compared >= 47, `${layout.id}: ${compared} keys`);
  }
});
