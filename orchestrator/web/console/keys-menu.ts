// The menu of keys that a browser keeps to itself, and the bar of keys for touch screens.
import { button, element } from './dom.ts';
import type { Keyboard } from './keyboard.ts';
import {
  alt,
  backspaceKey,
  control,
  controlCharacters,
  deleteKey,
  functionKeys,
  type Key,
  modifiers,
  plainKeys,
  printKey,
  spokenNames,
} from './keys.ts';

/** Leaves the screen for the bar: the screen itself takes Tab and every other key. */
export const leaveScreenKeys = 'Ctrl + Alt + Shift + K';

function keyButton(key: Key, press: () => void): HTMLButtonElement {
  const made = button({ label: key.name, class: 'key', press });
  const spoken = spokenNames[key.name];
  if (spoken !== undefined) made.setAttribute('aria-label', spoken);
  return made;
}

function group(title: string, ...keys: readonly Node[]): HTMLElement {
  return element('div', { class: 'keys', role: 'group', 'aria-label': title }, element('h3', {}, title), ...keys);
}

/** The keys of a screen. `done` is called after a key that is meant for the screen. */
export function screenKeys(keyboard: Keyboard, done: () => void): HTMLElement[] {
  const chord = (label: string, ...keys: readonly Key[]) =>
    button({
      label,
      class: 'key',
      press: () => {
        keyboard.chord(...keys);
        done();
      },
    });
  const altTab = { name: 'Tab', keysym: 0xff09, code: 'Tab' };
  const altF4 = { name: 'F4', keysym: 0xffc1, code: 'F4' };
  return [
    group(
      'Often needed',
      chord('Ctrl-Alt-Del', control, alt, deleteKey),
      chord('Ctrl-Alt-Backspace', control, alt, backspaceKey),
      chord('Alt-Tab', alt, altTab),
      chord('Alt-F4', alt, altF4),
      chord('PrtSc', printKey),
    ),
    group('Ctrl-Alt with', ...functionKeys.map((key) => chord(key.name, control, alt, key))),
    group('Held for the next key', ...modifiers.map((key) => keyboard.modifiers.button(key, done))),
    group('Single keys', ...[...plainKeys, ...functionKeys].map((key) => keyButton(key, () => keyboard.press(key)))),
    element('p', { class: 'hint' }, `The screen takes every key. ${leaveScreenKeys} leaves it for this bar.`),
  ];
}

/** The keys of a terminal. */
export function terminalKeys(keyboard: Keyboard): HTMLElement[] {
  return [
    group('Control characters', ...controlCharacters.map((key) => keyButton(key, () => keyboard.press(key)))),
    group('Single keys', ...plainKeys.map((key) => keyButton(key, () => keyboard.press(key)))),
    element('p', { class: 'hint' }, `The terminal takes Tab. ${leaveScreenKeys} leaves it for this bar.`),
  ];
}

/** The bar at the foot of a touch screen. Its buttons leave the focus where it is, so that the soft keyboard stays. */
export function keyBar(keyboard: Keyboard): HTMLElement {
  const held = modifiers.map((key) => keyboard.modifiers.button(key, () => undefined));
  const [first, ...others] = plainKeys.map((key) => keyButton(key, () => keyboard.press(key)));
  const functions = functionKeys.map((key) => keyButton(key, () => keyboard.press(key)));
  for (const one of functions) one.classList.add('only-screen');
  held.at(2)?.classList.add('only-screen');
  held.at(3)?.classList.add('only-screen');
  const bar = element('div', { class: 'key-bar', role: 'toolbar', 'aria-label': 'Keys' });
  bar.append(...(first === undefined ? [] : [first]), ...held, ...others, ...functions);
  bar.addEventListener('pointerdown', (event) => event.preventDefault());
  return bar;
}
