// XML text out of elements. The only place where text is escaped.

/** An element. Attributes that are undefined are left out; a child is an element or text. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number | undefined>>;
  readonly children: readonly (XmlElement | string)[];
}

/** Shorthand for an XmlElement. */
export function element(
  name: string,
  attributes: XmlElement['attributes'] = {},
  children: XmlElement['children'] = [],
): XmlElement {
  return { name, attributes, children };
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
};

/** Throws RangeError where the text holds what XML 1.0 (section 2.2) cannot hold, or folds. */
function escapeText(text: string): string {
  if (/\p{Cc}|\p{Cs}|[\ufffe\uffff]/u.test(text)) {
    throw new RangeError(`${JSON.stringify(text)}: expected text without control characters`);
  }
  return text.replaceAll(/[&<>'"]/g, (character) => entities[character] ?? character);
}

function render({ name, attributes, children }: XmlElement, indent: string): string {
  const named = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}='${escapeText(String(value))}'`],
  );
  const open = `${indent}<${name}${named.join('')}`;
  if (children.length === 0) return `${open}/>\n`;
  if (children.every((child) => typeof child === 'string')) {
    return `${open}>${children.map((child) => escapeText(child)).join('')}</${name}>\n`;
  }
  const inner = children.map((child) => (typeof child === 'string' ? escapeText(child) : render(child, `${indent}  `)));
  return `${open}>\n${inner.join('')}${indent}</${name}>\n`;
}

/** The text of an element and all in it, two spaces of indentation a level. */
export function renderXml(root: XmlElement): string {
  return render(root, '');
}
