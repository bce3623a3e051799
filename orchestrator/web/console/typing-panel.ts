// Typing a text into a guest, key by key: for guests without a shared clipboard.
import { button, element } from './dom.ts';
import { type Layout, layouts } from './layouts.ts';
import { keepPreferences, readPreferences } from './preferences.ts';
import { typeText } from './typing.ts';
import { type SendKey, typeStrokes } from './typist.ts';

/** Characters a second, and what it is called. */
const speeds: readonly (readonly [number, string])[] = [
  [5, 'Careful'],
  [20, 'Normal'],
  [50, 'Fast'],
];
const mostNamed = 12;

/** A list of choices with its label. */
function select(
  label: string,
  choices: readonly (readonly [string, string])[],
  chosen: string,
): readonly [HTMLElement, HTMLSelectElement] {
  const list = element('select', {}, ...choices.map(([value, text]) => element('option', { value }, text)));
  list.value = chosen;
  return [element('label', { class: 'field' }, element('span', {}, label), list), list];
}

/** The layout that is chosen. */
export function chosenLayout(): Layout {
  const chosen = readPreferences().layout;
  const layout = layouts.find(({ id }) => id === chosen) ?? layouts[0];
  if (layout === undefined) throw new Error('there is no layout');
  return layout;
}

/** What cannot be typed, as a sentence; empty where everything can. */
function missingWords(missing: readonly string[], layout: Layout): string {
  if (missing.length === 0) return '';
  const named = missing.slice(0, mostNamed).join(' ');
  const more = missing.length > mostNamed ? ` and ${missing.length - mostNamed} more` : '';
  return `Left out, since the keyboard ${layout.name} has no keys for them: ${named}${more}`;
}

/** The panel. `send`: null while nothing can be typed. */
export function createTypingPanel(
  send: () => SendKey | null,
  done: () => void,
): { content: HTMLElement[]; stop: () => void } {
  const { layout, speed } = readPreferences();
  const known = layouts.some(({ id }) => id === layout) ? layout : 'us';
  const text = element('textarea', {
    rows: 6,
    placeholder: 'Type or paste here',
    spellcheck: 'false',
    autocapitalize: 'off',
    autocomplete: 'off',
    'aria-label': 'Text to type',
  });
  const [layoutField, layoutList] = select(
    'Keyboard of the guest',
    layouts.map(({ id, name }) => [id, name] as const),
    known,
  );
  const [speedField, speedList] = select(
    'Speed',
    speeds.map(([value, name]) => [String(value), name] as const),
    String(speed),
  );
  const warning = element('p', { class: 'warning', role: 'status' });
  const progress = element('progress', { max: 1, value: 0, 'aria-label': 'Typed so far', hidden: true });
  let running: AbortController | null = null;

  const start = button({ label: 'Type it', class: 'primary', press: () => void toggle() });
  const label = start.querySelector('span');
  const warn = () => {
    warning.textContent = missingWords(typeText(text.value, chosenLayout()).missing, chosenLayout());
  };
  const show = (isRunning: boolean) => {
    if (label !== null) label.textContent = isRunning ? 'Stop' : 'Type it';
    progress.hidden = !isRunning;
    text.readOnly = isRunning;
  };
  async function toggle(): Promise<void> {
    if (running !== null) return running.abort();
    const sending = send();
    const { characters } = typeText(text.value, chosenLayout());
    if (sending === null || characters.length === 0) return;
    running = new AbortController();
    show(true);
    const whole = await typeStrokes({
      characters,
      perSecond: readPreferences().speed,
      signal: running.signal,
      send: sending,
      onProgress: (sent) => {
        progress.value = sent / characters.length;
      },
    });
    running = null;
    show(false);
    if (!whole) return;
    text.value = '';
    warn();
    done();
  }
  text.addEventListener('input', warn);
  layoutList.addEventListener('change', () => {
    keepPreferences({ layout: layoutList.value });
    warn();
  });
  speedList.addEventListener('change', () => keepPreferences({ speed: Number(speedList.value) }));
  const hint = element(
    'p',
    { class: 'hint' },
    'Keys are pressed one by one, and a new line presses Enter. Choose the keyboard that the guest itself is set to.',
  );
  const content = [
    text,
    element('div', { class: 'fields' }, layoutField, speedField),
    warning,
    progress,
    element('div', { class: 'actions' }, start),
    hint,
  ];
  return { content, stop: () => running?.abort() };
}
