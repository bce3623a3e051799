import test from 'ava';
import fc from 'fast-check';
import { XMLParser } from 'fast-xml-parser';
import { element, renderXml } from './xml.ts';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
});

const text = fc
  .string({ minLength: 1, unit: 'grapheme' })
  .filter((each) => !/\p{Cc}|\p{Cs}|[\ufffe\uffff]/u.test(each));

test('a parser reads back any text and attribute', (t) => {
  fc.assert(
    fc.property(text, text, (attribute, content) => {
      const xml = renderXml(element('root', { it: attribute }, [element('leaf', {}, [content])]));
      t.deepEqual(parser.parse(xml).root, {
        '@it': attribute,
        '#text': parser.parse(xml).root['#text'],
        leaf: content,
      });
    }),
  );
});

test('what XML cannot hold is refused', (t) => {
  for (const bad of ['a\0b', 'line\nbreak', 'tab\t', '\u001b[0m', '\ud800', '\ufffe']) {
    t.throws(() => renderXml(element('root', {}, [bad])), { message: /expected text without control characters/ });
    t.throws(() => renderXml(element('root', { it: bad })), { instanceOf: RangeError });
  }
});

test('attributes that are undefined are left out', (t) => {
  t.is(renderXml(element('a', { one: 1, two: undefined })), "<a one='1'/>\n");
});
