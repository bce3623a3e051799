// The parser of viewers' messages: any chunking gives the same, and who watches sends no input.
import type { ConsoleMode } from '@isthmus/contract';
import test from 'ava';
import fc from 'fast-check';
import { ClientMessages, MalformedMessageError, pasteLimit } from './client-messages.ts';

interface Message {
  readonly bytes: Buffer;
  readonly isInput: boolean;
  readonly mayWatch: boolean;
}

const body = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
};
const fixed = (head: readonly number[], length: number, isInput: boolean, mayWatch: boolean) =>
  body(length - head.length).map((rest): Message => ({ bytes: Buffer.from([...head, ...rest]), isInput, mayWatch }));
const none = { isInput: false, mayWatch: true };

const setEncodings = fc.array(fc.integer({ min: -1000, max: 100 }), { maxLength: 40 }).map((list): Message => {
  const encodings = list.filter((each) => each !== -316);
  return {
    bytes: Buffer.concat([Buffer.from([2, 0, encodings.length >> 8, encodings.length]), ...encodings.map(u32)]),
    ...none,
  };
});
const cutText = fc.uint8Array({ maxLength: 300 }).map((text): Message => {
  const bytes = Buffer.concat([Buffer.from([6, 0, 0, 0]), u32(text.length), text]);
  return { bytes, isInput: true, mayWatch: false };
});
const extendedCutText = fc
  .tuple(fc.constantFrom(24, 25, 26, 27, 28), fc.uint8Array({ maxLength: 300 }))
  .map(([action, rest]): Message => {
    const bytes = Buffer.concat([Buffer.from([6, 0, 0, 0]), u32(-4 - rest.length), u32(1 << action), rest]);
    return { bytes, isInput: action >= 27, mayWatch: false };
  });
const fence = fc
  .uint8Array({ maxLength: 64 })
  .map((text): Message => ({ bytes: Buffer.from([248, 0, 0, 0, 0, 0, 0, 1, text.length, ...text]), ...none }));
const desktopSize = fc.integer({ min: 0, max: 20 }).chain((screens) =>
  body(16 * screens).map(
    (rest): Message => ({
      bytes: Buffer.from([251, 0, 3, 0, 2, 0, screens, 0, ...rest]),
      isInput: false,
      mayWatch: false,
    }),
  ),
);
const message = fc.oneof(
  fixed([0], 20, false, true),
  setEncodings,
  fixed([3], 10, false, true),
  fixed([4], 8, true, false),
  fixed([5], 6, true, false),
  cutText,
  extendedCutText,
  fixed([150], 10, false, true),
  fence,
  fixed([250], 4, false, false),
  desktopSize,
  fixed([255, 0], 12, true, false),
  fixed([255, 1, 0, 1], 4, false, true),
  fixed([255, 1, 0, 2], 10, false, true),
);

/** What goes on to the server of these chunks, and whether there was input. */
function relay(mode: ConsoleMode, chunks: readonly Buffer[]) {
  const forwarded: Buffer[] = [];
  const messages = new ClientMessages(mode, (bytes) => forwarded.push(Buffer.from(bytes)));
  let hasInput = false;
  for (const chunk of chunks) hasInput = messages.push(chunk) || hasInput;
  return { bytes: Buffer.concat(forwarded), hasInput };
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...ends, bytes.length].map((end, index) => bytes.subarray(index === 0 ? 0 : (ends[index - 1] ?? 0), end));
}

test('any chunking of any messages: who controls sends them all, who watches those that change nothing', (t) => {
  const property = fc.property(
    fc.array(message, { maxLength: 30 }),
    fc.array(fc.nat(), { maxLength: 60 }),
    (messages, places) => {
      const bytes = Buffer.concat(messages.map((each) => each.bytes));
      const hasInput = messages.some((each) => each.isInput);
      t.deepEqual(relay('control', cut(bytes, places)), { bytes, hasInput });
      const watched = Buffer.concat(messages.filter((each) => each.mayWatch).map((each) => each.bytes));
      t.deepEqual(relay('watch', cut(bytes, places)), { bytes: watched, hasInput });
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('byte by byte as in one piece', (t) => {
  const property = fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
    const bytes = Buffer.concat(messages.map((each) => each.bytes));
    const single = [...bytes].map((byte) => Buffer.from([byte]));
    for (const mode of ['control', 'watch'] as const) t.deepEqual(relay(mode, single), relay(mode, [bytes]));
  });
  fc.assert(property);
});

test('any bytes: forwarded, held back or refused as malformed, and never more than came', (t) => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 2000 }),
    fc.array(fc.nat(), { maxLength: 10 }),
    (noise, places) => {
      const forwarded: Buffer[] = [];
      const messages = new ClientMessages('control', (bytes) => forwarded.push(Buffer.from(bytes)));
      try {
        for (const chunk of cut(Buffer.from(noise), places)) messages.push(chunk);
      } catch (error) {
        t.true(error instanceof MalformedMessageError);
      }
      const bytes = Buffer.concat(forwarded);
      t.deepEqual(bytes, Buffer.from(noise).subarray(0, bytes.length));
    },
  );
  fc.assert(property);
});

test('a pointer event is longer where the viewer named the extended mouse buttons and marks it', (t) => {
  const plain = Buffer.from([5, 0x80, 0, 1, 0, 2]);
  const key = Buffer.from([4, 1, 0, 0, 0, 0, 0, 97]);
  t.deepEqual(relay('control', [plain, key]).bytes, Buffer.concat([plain, key]));
  const encodings = Buffer.concat([Buffer.from([2, 0, 0, 1]), u32(-316)]);
  const marked = Buffer.from([5, 0x80, 0, 1, 0, 2, 1]);
  t.deepEqual(relay('watch', [encodings, marked, key]).bytes, encodings);
  const messages = new ClientMessages('control', () => {});
  messages.push(Buffer.concat([encodings, Buffer.from([5, 1, 0, 1, 0, 2])]));
  t.false(messages.isAmbiguous);
  messages.push(marked.subarray(0, 3));
  messages.push(marked.subarray(3));
  t.true(messages.isAmbiguous);
});

test('what is no message of a viewer, or too long, is malformed', (t) => {
  const bad: [string, Buffer][] = [
    ['FixColourMapEntries', Buffer.from([1, 0, 0, 0])],
    ['an unknown type', Buffer.from([9])],
    ['an unknown kind of QEMU', Buffer.from([255, 2])],
    ['an unknown audio operation', Buffer.from([255, 1, 0, 3])],
    ['2,000 encodings', Buffer.from([2, 0, 7, 208])],
    ['a paste that is too long', Buffer.concat([Buffer.from([6, 0, 0, 0]), u32(pasteLimit + 1)])],
    ['an extended paste that is too long', Buffer.concat([Buffer.from([6, 0, 0, 0]), u32(-pasteLimit - 1)])],
    ['an extended paste without flags', Buffer.concat([Buffer.from([6, 0, 0, 0]), u32(-3)])],
    ['a paste of -2 GiB', Buffer.concat([Buffer.from([6, 0, 0, 0]), u32(-2_147_483_648)])],
    ['a fence of 65 bytes', Buffer.from([248, 0, 0, 0, 0, 0, 0, 0, 65])],
  ];
  for (const [what, bytes] of bad) {
    t.throws(() => relay('control', [bytes]), { instanceOf: MalformedMessageError }, what);
  }
});

test('control that is lost in the middle of a paste: the paste ends, then what is held is released, then nothing', (t) => {
  const forwarded: Buffer[] = [];
  const messages = new ClientMessages('control', (bytes) => forwarded.push(Buffer.from(bytes)));
  const key = Buffer.from([4, 1, 0, 0, 0, 0, 0, 97]);
  const scan = Buffer.from([255, 0, 0, 1, 0, 0, 0, 98, 0, 0, 0, 48]);
  const button = Buffer.from([5, 1, 0, 10, 0, 20]);
  const paste = Buffer.concat([Buffer.from([6, 0, 0, 0]), u32(5), Buffer.from('hello')]);
  messages.push(Buffer.concat([key, scan, button, paste.subarray(0, 10)]));
  messages.use('watch');
  messages.push(Buffer.concat([paste.subarray(10), key]));
  const released = [
    Buffer.from([4, 0, 0, 0, 0, 0, 0, 97]),
    Buffer.from([255, 0, 0, 0, 0, 0, 0, 98, 0, 0, 0, 48]),
    Buffer.from([5, 0, 0, 10, 0, 20]),
  ];
  t.deepEqual(Buffer.concat(forwarded), Buffer.concat([key, scan, button, paste, ...released]));
  messages.use('control');
  messages.push(button);
  t.deepEqual(forwarded.at(-1), button);
});
