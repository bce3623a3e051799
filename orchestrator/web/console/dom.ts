// Elements of the page, made one by one: text never becomes markup.

type Value = string | number | boolean | (() => void) | undefined;
type Child = Node | string | null;

/**
 * Makes an element. An attribute that is false or undefined is left out, true is empty; a function under `onNAME` listens
 * for that event.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, Value>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name.replace(/^on/, ''), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Paths of 24 by 24 units, drawn as lines. */
const icons = {
  keyboard:
    'M3 7.5A1.5 1.5 0 0 1 4.5 6h15A1.5 1.5 0 0 1 21 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 16.5zM7 10h.01M10.3 10h.01M13.7 10h.01M17 10h.01M8 14h8',
  command:
    'M9 9h6v6H9zM9 9V6.5A2.5 2.5 0 1 0 6.5 9zM15 9V6.5A2.5 2.5 0 1 1 17.5 9zM9 15v2.5A2.5 2.5 0 1 1 6.5 15zM15 15v2.5a2.5 2.5 0 1 0 2.5-2.5z',
  clipboard:
    'M9 5H6.5A1.5 1.5 0 0 0 5 6.5v13A1.5 1.5 0 0 0 6.5 21h11a1.5 1.5 0 0 0 1.5-1.5v-13A1.5 1.5 0 0 0 17.5 5H15M9 3.5h6v3H9zM9 12h6M9 16h4',
  text: 'M5 7V5h14v2M12 5v14M9.5 19h5',
  display:
    'M4.5 5h15A1.5 1.5 0 0 1 21 6.5v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 15.5v-9A1.5 1.5 0 0 1 4.5 5zM9 20.5h6M12 17v3.5',
  enlarge: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  reduce: 'M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5',
  people:
    'M9 11a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM3 19c.4-3.3 2.8-5 6-5s5.6 1.7 6 5M15.5 5a3.2 3.2 0 0 1 0 6M17.5 14.3c2 .6 3.2 2.2 3.5 4.7',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h10.5v11.5H9zM5.5 15.5h-1v-12H15v1.5',
  smaller: 'M5 12h14',
  larger: 'M5 12h14M12 5v14',
  down: 'M7 10l5 5 5-5',
} as const;

/** Name of a picture on a button. */
export type IconName = keyof typeof icons;

/** A picture, which says nothing to a screen reader: its button has a label. */
export function icon(name: IconName): SVGSVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', icons[name]);
  svg.append(path);
  return svg;
}

export interface ButtonOptions {
  readonly label: string;
  readonly icon?: IconName;
  /** False: the label is for screen readers and as a tip alone. */
  readonly shown?: boolean;
  readonly class?: string;
  readonly press: () => void;
}

/** A button with a picture, a text, or both. */
export function button({ label, icon: name, shown = true, class: kind = '', press }: ButtonOptions): HTMLButtonElement {
  const made = element('button', { type: 'button', class: kind, onclick: press });
  if (name !== undefined) made.append(icon(name));
  if (shown) made.append(element('span', {}, label));
  else {
    made.setAttribute('aria-label', label);
    made.title = label;
  }
  return made;
}
