// The soft keyboard of a touch screen: a field that nobody sees, whose text goes to the guest as it comes.
import { element } from './dom.ts';
import type { Keyboard } from './keyboard.ts';
import { backspaceKey, plainKeys } from './keys.ts';

/** What the field always holds, so that there is something for Backspace to delete. */
const held = '\u00a0'.repeat(8);

/** Makes the field. Focus on it brings the keyboard up. */
export function createSoftKeyboard(keyboard: Keyboard): HTMLTextAreaElement {
  const field = element('textarea', {
    class: 'soft-keyboard',
    'aria-label': 'Keyboard for the console',
    autocapitalize: 'off',
    autocomplete: 'off',
    autocorrect: 'off',
    spellcheck: 'false',
    tabindex: -1,
    rows: 1,
  });
  let before = held;
  const reset = () => {
    field.value = held;
    before = held;
    field.setSelectionRange(held.length, held.length);
  };
  field.addEventListener('focus', reset);
  field.addEventListener('input', (event) => {
    const now = field.value;
    let same = 0;
    while (same < before.length && before[same] === now[same]) same += 1;
    for (let index = same; index < before.length; index += 1) keyboard.press(backspaceKey);
    const typed = now.slice(same);
    if (typed !== '') keyboard.type(typed);
    before = now;
    // A word in the making belongs to the input method until it is done.
    if (!(event instanceof InputEvent && event.isComposing) || now.length < held.length / 2) reset();
  });
  field.addEventListener('keydown', (event) => {
    const key = plainKeys.find(({ code }) => code === event.code && code !== '' && code !== 'Enter');
    if (key === undefined || event.isComposing) return;
    event.preventDefault();
    keyboard.press(key);
  });
  return field;
}
