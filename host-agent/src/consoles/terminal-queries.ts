// What a machine asked of its terminal while nobody looked is not asked again of who looks later: the answer would come
// as input out of nothing. A shell asks at each prompt (busybox: where is the cursor).

/**
 * ECMA-48 and xterm's control sequences that a terminal answers: device status and attributes (CSI … n, CSI … c), its
 * parameters and modes (CSI … x, CSI … $ p), its windows (CSI … t), DECID (ESC Z), settings (DCS $ q, DCS + q) and colours
 * (OSC … ?).
 */
const queries = new RegExp(
  [
    '\\u001b\\[[<-?]?[0-9;]*(?:[ncx]|\\$p)',
    '\\u001b\\[[0-9;]*t',
    '\\u001bZ',
    '\\u001bP[$+]q[^\\u001b]*\\u001b\\\\',
    '\\u001b\\][0-9;]*;\\?(?:\\u0007|\\u001b\\\\)',
  ].join('|'),
  'g',
);

/** Bytes of a serial port as they are shown again: all of them but what a terminal would answer. */
export function withoutQueries(bytes: Buffer): Buffer {
  // Latin-1 keeps each byte as it is.
  return Buffer.from(bytes.toString('latin1').replace(queries, ''), 'latin1');
}
