import test from 'ava';
import fc from 'fast-check';
import { keyCodes, layouts } from './layouts.ts';
import { keysymOf, type Stroke, typeText } from './typing.ts';

const layoutOf = (id: string) => {
  const layout = layouts.find((one) => one.id === id);
  if (layout === undefined) throw new Error(`there is no layout ${id}`);
  return layout;
};

/** Strokes as one would say them: `Shift+KeyA`. */
function spoken(text: string, layout: string): string {
  const say = ({ code, shift, altGr }: Stroke) => `${altGr ? 'AltGr+' : ''}${shift ? 'Shift+' : ''}${code}`;
  return typeText(text, layoutOf(layout)).characters.flat().map(say).join(' ');
}

for (const [layout, text, keys] of [
  ['us', 'aZ1!', 'KeyA Shift+KeyZ Digit1 Shift+Digit1'],
  ['us', '<|\\', 'Shift+Comma Shift+Backslash Backslash'],
  ['us', ' \t\n', 'Space Tab Enter'],
  ['us', 'a\r\nb\rc', 'KeyA Enter KeyB Enter KeyC'],
  ['gb', '"@#£|\\', 'Shift+Digit2 Shift+Quote Backslash Shift+Digit3 Shift+IntlBackslash IntlBackslash'],
  ['de', 'yzß@€', 'KeyZ KeyY Minus AltGr+KeyQ AltGr+KeyE'],
  ['de', '/\\|<', 'Shift+Digit7 AltGr+Minus AltGr+IntlBackslash IntlBackslash'],
  ['de', 'ê^`', 'Backquote KeyE Backquote Space Shift+Equal Space'],
  ['fr', 'am1.éÊ', 'KeyQ Semicolon Shift+Digit1 Shift+Comma Digit2 BracketLeft Shift+KeyE'],
  ['fr', '@#{[', 'AltGr+Digit0 AltGr+Digit3 AltGr+Digit4 AltGr+Digit5'],
  ['es', 'ñáü¿', 'Semicolon Quote KeyA Shift+Quote KeyU Shift+Equal'],
  ['it', 'èà@', 'BracketLeft Quote AltGr+Semicolon'],
  ['se', 'åäö', 'BracketLeft Quote Semicolon'],
  ['no', 'øæ', 'Semicolon Quote'],
  ['dk', 'æø', 'Semicolon Quote'],
  ['jp', '@:_¥', 'BracketLeft Quote Shift+IntlRo'],
] as const) {
  test(`on a keyboard ${layout}, ${JSON.stringify(text)} is ${keys}`, (t) => {
    t.is(spoken(text, layout), keys);
  });
}

test('what a layout lacks is named once, and the rest is typed', (t) => {
  const { characters, missing } = typeText('漢a漢b🙂', layoutOf('us'));
  t.deepEqual(missing, ['漢', '🙂']);
  t.is(characters.length, 2);
});

test('a character that is written in two is typed as one', (t) => {
  t.is(spoken('e\u0301', 'fr'), spoken('é', 'fr'));
});

test('every layout types all of ASCII, and has a character for each of its keys', (t) => {
  const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
  for (const layout of layouts) {
    t.deepEqual(typeText(ascii, layout).missing, [], layout.id);
    for (const level of layout.levels) t.is([...level].length, keyCodes.length, layout.id);
  }
});

test('no text makes it fail, and each character is either typed or named', (t) => {
  const everyCharacter = fc.string({ unit: 'binary' });
  const check = fc.check(
    fc.property(everyCharacter, fc.constantFrom(...layouts), (text, layout) => {
      const { characters, missing } = typeText(text, layout);
      const wanted = [...text.replaceAll(/\r\n?/g, '\n').normalize('NFC')];
      return characters.length === wanted.filter((one) => !missing.includes(one)).length;
    }),
  );
  t.is(check.failed, false, fc.defaultReportMessage(check) ?? '');
});

test('characters have the numbers that X11 gives them', (t) => {
  t.is(keysymOf('a'), 0x61);
  t.is(keysymOf('ß'), 0xdf);
  t.is(keysymOf('€'), 0x20ac);
  t.is(keysymOf('漢'), 0x1006f22);
  t.is(keysymOf('\u0301'), 0xfe51);
});
