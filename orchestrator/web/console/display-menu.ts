// How large the screen is shown.
import { element } from './dom.ts';
import { readPreferences, type Scaling } from './preferences.ts';

const choices: readonly (readonly [Scaling, string, string])[] = [
  ['fit', 'Fit', 'The whole screen, as large as there is room'],
  ['actual', 'Actual size', 'Point by point; move about where it is larger'],
  ['match', 'Match this window', 'The guest takes the size of this window, where it can'],
];

/** The choices, with the present one marked. */
export function displayMenu(choose: (scaling: Scaling) => void): HTMLElement {
  const present = readPreferences().scaling;
  const options = choices.map(([value, name, explanation]) => {
    const input = element('input', { type: 'radio', name: 'scaling', value, checked: value === present });
    input.addEventListener('change', () => choose(value));
    return element('label', { class: 'choice' }, input, element('span', {}, name, element('small', {}, explanation)));
  });
  return element('div', { role: 'radiogroup', 'aria-label': 'Size of the screen' }, ...options);
}
