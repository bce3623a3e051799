// The handshake with servers that are old, refuse, say nothing, or say nonsense. TigerVNC and QEMU: test/scenarios.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { RfbSecurity } from '@isthmus/contract';
import test, { type ExecutionContext } from 'ava';
import { serverInitOf, startTarget } from '../proxy-fixture.ts';
import { RfbServerError } from './byte-reader.ts';
import { openRfbServer } from './server-handshake.ts';
import { ViewerHandshake } from './viewer-handshake.ts';
import { answerChallenge } from './vnc-authentication.ts';

/** Does the handshake with a server that answers by this script: [bytes to wait for, what to send]. */
async function meet(t: ExecutionContext, script: readonly [number, Buffer | string][], security: RfbSecurity) {
  const heard: Buffer[] = [];
  const { target } = await startTarget(t, (socket: Socket) => {
    const steps = [...script];
    let waiting = Buffer.alloc(0);
    const go = () => {
      for (let [step] = steps; step !== undefined && waiting.length >= step[0]; [step] = steps) {
        heard.push(waiting.subarray(0, step[0]));
        waiting = waiting.subarray(step[0]);
        steps.shift();
        socket.write(step[1]);
      }
      if (steps.length === 0) socket.end();
    };
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      go();
    });
    go();
  });
  if (target.kind !== 'tcp') throw new Error('a TCP server');
  const stream = connect(target.port, target.address);
  t.teardown(() => void stream.destroy());
  stream.on('error', () => {});
  await once(stream, 'connect');
  const opened = await openRfbServer(stream, security, AbortSignal.timeout(20_000));
  return { opened, heard };
}

const none: RfbSecurity = { types: ['None'] };
const init = serverInitOf('a screen');
const ok = Buffer.alloc(4);

function length(text: string): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(text.length);
  return Buffer.concat([bytes, Buffer.from(text)]);
}

test('the challenge is answered by DES with the first 8 bytes of the password, their bits reversed', (t) => {
  const challenge = Buffer.from('Now is the time ', 'latin1');
  const hex = (password: string) => answerChallenge(challenge, password).toString('hex');
  t.is(hex('password'), hex('password9'));
  t.not(hex('password'), hex('passwort'));
  // openssl enc -des-ecb -K cea6c64ea62e0000 -nopad
  t.is(hex('secret'), '37cf241fbb2111002c5cc139280c8a62');
});

test('3.8, 3.7 and 3.3 without security; later versions as 3.8', async (t) => {
  const eight: [number, Buffer | string][] = [
    [0, 'RFB 003.008\n'],
    [12, Buffer.from([2, 16, 1])],
    [1, ok],
    [1, init],
  ];
  const { opened, heard } = await meet(t, eight, none);
  t.deepEqual(opened.serverInit, init);
  t.is(Buffer.concat(heard).toString('latin1'), 'RFB 003.008\n\x01\x01');
  const apple = await meet(t, [[0, 'RFB 003.889\n'], ...eight.slice(1)], none);
  t.is(apple.heard[1]?.toString(), 'RFB 003.008\n');
  const seven = await meet(
    t,
    [
      [0, 'RFB 003.007\n'],
      [12, Buffer.from([1, 1])],
      [2, init],
    ],
    none,
  );
  t.deepEqual(seven.opened.serverInit, init);
  const three = await meet(
    t,
    [
      [0, 'RFB 003.003\n'],
      [12, Buffer.from([0, 0, 0, 1])],
      [1, init],
    ],
    none,
  );
  t.is(Buffer.concat(three.heard).toString('latin1'), 'RFB 003.003\n\x01');
});

test('VNC authentication in each version', async (t) => {
  const challenge = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
  const security: RfbSecurity = { types: ['VncAuth'], password: 'secret' };
  const answer = answerChallenge(challenge, 'secret');
  const eight = await meet(
    t,
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([2, 1, 2])],
      [1, challenge],
      [16, ok],
      [1, init],
    ],
    security,
  );
  t.deepEqual(eight.heard[3], answer);
  const three = await meet(
    t,
    [
      [0, 'RFB 003.003\n'],
      [12, Buffer.concat([Buffer.from([0, 0, 0, 2]), challenge])],
      [16, ok],
      [1, init],
    ],
    security,
  );
  t.deepEqual(three.heard[2], answer);
});

const refusals: [string, RfbSecurity, [number, Buffer | string][], RegExp][] = [
  ['no RFB', none, [[0, 'HTTP/1.1 400 Bad Request\r\n']], /does not speak RFB/],
  ['a close', none, [[0, 'RFB 003']], /closed the connection in place of its version/],
  [
    'a reason',
    none,
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.concat([Buffer.from([0]), length('too many\nattempts')])],
    ],
    /too many\?attempts/,
  ],
  [
    'a reason of 4 GiB',
    none,
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([0, 255, 255, 255, 255])],
    ],
    /at most 1024 are read/,
  ],
  [
    'a password where none is agreed to',
    none,
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([1, 2])],
    ],
    /security types 2, expected None/,
  ],
  [
    'no security where a password is demanded',
    { types: ['VncAuth'], password: 'x' },
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([1, 1])],
    ],
    /security types 1, expected VncAuth/,
  ],
  [
    'a wrong password',
    { types: ['VncAuth'], password: 'x' },
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([1, 2])],
      [1, Buffer.alloc(16)],
      [16, Buffer.concat([Buffer.from([0, 0, 0, 1]), length('Authentication failure')])],
    ],
    /Authentication failure/,
  ],
  [
    'VeNCrypt without a certificate',
    { types: ['VeNCrypt'], password: 'x', authorities: ['-----'], serverName: 'host' },
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([1, 19])],
      [1, Buffer.from([0, 2])],
      [2, Buffer.from([0, 3, 0, 0, 1, 1, 0, 0, 1, 2, 0, 0, 1, 3])],
    ],
    /kinds of VeNCrypt are 257, 258, 259, expected X509Vnc, X509None/,
  ],
  [
    'VeNCrypt without authorities',
    { types: ['VeNCrypt'], password: 'x' },
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([1, 19])],
    ],
    /needs authorities and serverName/,
  ],
  [
    'VeNCrypt 0.1',
    { types: ['VeNCrypt'], authorities: ['-----'], serverName: 'host' },
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([1, 19])],
      [1, Buffer.from([0, 1])],
    ],
    /VeNCrypt 0.1, expected 0.2/,
  ],
  [
    'a huge screen',
    none,
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([1, 1])],
      [1, ok],
      [1, serverInitOf('x', 20_000, 10)],
    ],
    /20000 × 10 pixels/,
  ],
  [
    'a huge name',
    none,
    [
      [0, 'RFB 003.008\n'],
      [12, Buffer.from([1, 1])],
      [1, ok],
      [1, serverInitOf('x'.repeat(5000))],
    ],
    /a name of 5000 bytes/,
  ],
];
for (const [what, security, script, message] of refusals) {
  test(`refused: ${what}`, async (t) => {
    await t.throwsAsync(meet(t, script, security), { instanceOf: RfbServerError, message });
  });
}

test('a server that says nothing is left when the time is over', async (t) => {
  const { target } = await startTarget(t, () => {});
  if (target.kind !== 'tcp') throw new Error('a TCP server');
  const stream = connect(target.port, target.address);
  t.teardown(() => void stream.destroy());
  await t.throwsAsync(openRfbServer(stream, none, AbortSignal.timeout(50)), { name: 'TimeoutError' });
});

test('viewers of each version get the server’s screen, in whatever parts they speak', (t) => {
  for (const [said, expected] of [
    ['RFB 003.008\n\x01\x01', Buffer.concat([Buffer.from([1, 1]), ok, init])],
    ['RFB 003.007\n\x01\x00', Buffer.concat([Buffer.from([1, 1]), init])],
    ['RFB 003.003\n\x01', Buffer.concat([Buffer.from([0, 0, 0, 1]), init])],
  ] as const) {
    const bytes = Buffer.from(`${said}rest`, 'latin1');
    const parts: Buffer[] = [];
    const whole = new ViewerHandshake(init, (part) => parts.push(part));
    t.is(whole.push(bytes).toString(), 'rest');
    t.deepEqual(Buffer.concat(parts), expected);
    const single: Buffer[] = [];
    const slow = new ViewerHandshake(init, (part) => single.push(part));
    const rest = [...bytes].map((byte) => slow.push(Buffer.from([byte])));
    t.deepEqual(Buffer.concat(single), expected);
    t.is(Buffer.concat(rest).toString(), 'rest');
  }
});
