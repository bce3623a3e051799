// What reaches the API before any command does: credentials, methods, and whatever bytes somebody sends. Every answer is
// an envelope with a code of the catalogue or a refusal of HTTP itself, soon; the server lives on, and nothing changes.
import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { get, post, signedQuery } from '@isthmus/orchestrator/api/http-fixture';
import { commands } from '@isthmus/orchestrator/commands/registry';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { XMLValidator } from 'fast-xml-parser';
import { type Digest, digestOf } from './digest.ts';
import { smuggled } from './schema-arbitrary.ts';
import { startWorld, type World } from './world.ts';

let world: World;
let digest: () => Promise<Digest>;
test.before(async () => {
  world = await startWorld();
  digest = await digestOf(world.db);
});
test.after.always(() => world?.close());

const catalogue = [401, 405, 430, 431, 432, 531, 533, 536, 537];
const boundMs = 10_000;

interface Sent {
  readonly status: number;
  readonly text: string;
}

/** The bytes of a whole HTTP request; the answer until the server closes, or falls silent after one. */
function raw(bytes: string | Buffer): Promise<string> {
  const { port } = new URL(world.endpoint);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.setTimeout(boundMs, () => socket.destroy(new Error('no answer within the bound')));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(Buffer.concat(chunks).toString()) : reject(error),
    );
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
    socket.end(bytes);
  });
}

async function send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Sent> {
  const endpoint = new URL(path, world.endpoint);
  const answer = await fetch(endpoint, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(boundMs),
  });
  return { status: answer.status, text: await answer.text() };
}

/** An error of the API in its envelope, JSON or XML. */
function isEnvelope({ status, text }: Sent): boolean {
  if (!catalogue.includes(status)) return false;
  if (text.startsWith('{')) {
    const [content] = Object.values(JSON.parse(text) as Record<string, { errorcode: number; errortext: string }>);
    return content?.errorcode === status && content.errortext.length > 0;
  }
  return XMLValidator.validate(text) === true && text.includes(`<errorcode>${status}</errorcode>`);
}

function pairs(changes: Record<string, string> = {}): (readonly [string, string])[] {
  const values = { apiKey: world.adminCredentials.apiKey, command: 'listZones', response: 'json', ...changes };
  return Object.entries(values).sort(([left], [right]) => (left.toLowerCase() < right.toLowerCase() ? -1 : 1));
}

function signed(changes: Record<string, string> = {}): string {
  return signedQuery(pairs(changes), world.adminCredentials.secretKey);
}

test.serial('a signed call is answered, and the same with one bit changed is not', async (t) => {
  const query = signed();
  t.is((await get(world.endpoint, query)).status, 200);
  const { secretKey } = world.accounts.owner;
  for (const [what, bad] of [
    [
      'unsigned',
      pairs()
        .map(([name, value]) => `${name}=${value}`)
        .join('&'),
    ],
    ['signed by another', signedQuery(pairs(), secretKey)],
    ['another command', query.replace('listZones', 'listHosts')],
    ['one parameter more', `${query}&keyword=x`],
    ['one parameter fewer', query.replace('response=json&', '')],
    ['no key', query.replace(/apiKey=[^&]*&/, '')],
    ['a key of nobody', query.replace(world.adminCredentials.apiKey, 'x'.repeat(64))],
    ['an empty signature', query.replace(/signature=.*/, 'signature=')],
    ['a short signature', query.replace(/signature=.*/, 'signature=AAAA')],
    [
      'a name with the rest in it',
      query.replace('command=listZones&response=json', 'command%3DlistZones%26response=json'),
    ],
  ] as const) {
    const answer = await get(world.endpoint, bad);
    t.true([401, 430].includes(answer.status), `${what}: ${answer.status} ${answer.text}`);
    t.true(isEnvelope(answer), `${what}: ${answer.text}`);
  }
});

test.serial('an expired signature, or one without its time, is refused', async (t) => {
  const time = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString().replace(/\.\d+Z$/, 'Z');
  t.is((await get(world.endpoint, signed({ signatureVersion: '3', expires: time(60_000) }))).status, 200);
  for (const changes of [
    { signatureVersion: '3', expires: time(-1_000) },
    { signatureVersion: '3', expires: 'tomorrow' },
    { signatureVersion: '3', expires: '2999' },
    { signatureVersion: '3' },
  ]) {
    const answer = await get(world.endpoint, signed(changes));
    t.is(answer.status, 401, JSON.stringify(changes));
    t.true(isEnvelope(answer));
  }
});

test.serial('login goes by POST alone; a wrong password and a strange one are refused alike', async (t) => {
  const before = await digest();
  const form = { command: 'login', response: 'json', username: 'admin', password: world.adminCredentials.password };
  const byGet = await get(world.endpoint, new URLSearchParams(form).toString());
  t.is(byGet.status, 405);
  t.true(isEnvelope(byGet));
  t.is(byGet.headers.getSetCookie().length, 0);
  for (const [changes, code] of [
    [{ password: 'wrong' }, 531],
    [{ username: 'nobody' }, 531],
    [{ domain: '/no/such' }, 531],
    [{ domain: "' or true --" }, 531],
    [{ username: 'admin\0' }, 431],
    [{ password: 'a\0' }, 431],
    [{ domainId: 'x' }, 431],
    [{ password: 'x'.repeat(256) }, 431],
  ] as const) {
    const answer = await post(world.endpoint, { ...form, ...changes });
    t.is(answer.status, code, JSON.stringify(changes));
    t.false(answer.text.includes(form.password));
  }
  t.deepEqual(await digest(), before);
});

test.serial('no command and no session: each says so in its envelope', async (t) => {
  for (const [query, code] of [
    ['', 430],
    ['command=', 430],
    ['command=listZones', 401],
    ['command=nosuch', 401],
    ['command=listZones&sessionkey=x', 401],
    ['command=listZones&command=listHosts', 431],
    ['command=login&command=logout', 431],
    [`command=${'x'.repeat(5_000)}`, 401],
    ['command=__proto__', 401],
    ['command=constructor&response=json', 401],
    ['command=toString&response=JSON', 401],
    [Array.from({ length: 2_001 }, (_, index) => `p${index}=1`).join('&'), 430],
  ] as const) {
    const answer = await get(world.endpoint, query);
    t.is(answer.status, code, query.slice(0, 80));
    t.true(isEnvelope(answer), `${query.slice(0, 80)}: ${answer.text.slice(0, 200)}`);
  }
});

function mustBeHarmless(t: ExecutionContext, what: string, sent: Sent): void {
  // Of HTTP's own: a body too large, a media type, a method or a path that is not there, headers too long.
  const ofHttp = [400, 404, 405, 413, 414, 415, 431].includes(sent.status);
  t.true(sent.status < 500 || catalogue.includes(sent.status), `${what}: ${sent.status} ${sent.text.slice(0, 200)}`);
  t.true(isEnvelope(sent) || ofHttp || sent.status === 200, `${what}: ${sent.status} ${sent.text.slice(0, 200)}`);
  t.false(/node_modules|\.ts:\d+|at \w+ \(/.test(sent.text), `${what} shows a stack: ${sent.text.slice(0, 300)}`);
}

const word = fc.oneof(
  fc.constantFrom(...smuggled),
  fc.constantFrom(
    'command',
    'response',
    'apiKey',
    'signature',
    'sessionkey',
    'json',
    'expires',
    'id',
    'a[0].b',
    '__proto__',
  ),
  fc.constantFrom(...commands.map(({ name }) => name)),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const anyQuery = fc
  .array(fc.tuple(word, word, fc.boolean()), { maxLength: 12 })
  .map((all) => all.map(([name, value, isRaw]) => (isRaw ? plainly(name, value) : encoded(name, value))).join('&'));

/** As somebody would send it who encodes nothing but what no request line can hold. */
function plainly(name: string, value: string): string {
  return `${name}=${value}`.replaceAll(/[^\x21-\x7e]/g, '%');
}

function encoded(name: string, value: string): string {
  return new URLSearchParams([[name, value]]).toString();
}

const anyHeaders = fc.dictionary(
  fc.constantFrom('cookie', 'origin', 'x-forwarded-for', 'x-http-method-override', 'accept', 'content-type', 'referer'),
  fc.oneof(
    fc.constantFrom(
      'JSESSIONID=x',
      'JSESSIONID=',
      'null',
      'http://[',
      'application/json',
      'text/plain',
      'multipart/form-data',
    ),
    fc.stringMatching(/^[\x21-\x7e]{1,200}$/),
  ),
  { maxKeys: 4 },
);

test.serial('whatever the query, the body and the headers are, the answer is an envelope', async (t) => {
  const before = await digest();
  const property = fc.asyncProperty(
    anyQuery,
    anyQuery,
    anyHeaders,
    fc.boolean(),
    async (query, body, headers, isPost) => {
      const path = `/client/api?${query.replaceAll('#', '')}`;
      const sent = isPost ? await send('POST', path, headers, body) : await send('GET', path, headers);
      mustBeHarmless(t, `${isPost} ${path} ${body} ${JSON.stringify(headers)}`, sent);
    },
  );
  await fc.assert(property, { numRuns: 600 });
  t.deepEqual(await digest(), before);
});

test.serial(
  'a signed call with random values of declared parameters is done or refused by the catalogue',
  async (t) => {
    const before = await digest();
    // Lists change nothing, whatever is asked of them.
    const lists = commands.filter(({ kind, roles }) => kind === 'list' && roles.includes('User'));
    const anyCall = fc.constantFrom(...lists).chain((command) => {
      const names = [
        'id',
        'keyword',
        'page',
        'pagesize',
        'listall',
        'account',
        'domainid',
        ...Object.keys(command.parameters),
      ];
      const values = fc.array(fc.tuple(fc.constantFrom(...names), word), { maxLength: 5 });
      return fc.tuple(fc.constant(command.name), values, fc.constantFrom('json', 'xml'));
    });
    const { apiKey, secretKey } = world.accounts.owner;
    const property = fc.asyncProperty(anyCall, async ([command, values, response]) => {
      const call = { ...Object.fromEntries(values), apiKey, command, response };
      const text = Object.entries(call)
        .map(([name, value]) => [name.toLowerCase(), encodeJava(value.toWellFormed()).toLowerCase()] as const)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([name, value]) => `${name}=${value}`)
        .join('&');
      const signature = createHmac('sha1', secretKey).update(text).digest('base64');
      const sent = await send(
        'POST',
        '/client/api',
        {
          'content-type': 'application/x-www-form-urlencoded',
        },
        new URLSearchParams({ ...call, signature }).toString(),
      );
      const what = `${JSON.stringify(call)}: ${sent.status} ${sent.text.slice(0, 300)}`;
      t.true(sent.status === 200 || [431, 531].includes(sent.status), what);
      if (response === 'xml') t.is(XMLValidator.validate(sent.text), true, what);
    });
    await fc.assert(property, { numRuns: 400 });
    t.deepEqual(await digest(), before);
  },
);

function encodeJava(value: string): string {
  return encodeURIComponent(value).replaceAll(
    /[!'()~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

test.serial('huge requests are refused at a bound', async (t) => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const large = 'x'.repeat(2_000_000);
  for (const [what, sent] of [
    ['a body over the limit', await send('POST', '/client/api', form, `command=listZones&name=${large}`)],
    [
      'a body at the limit',
      await send('POST', '/client/api', form, `command=listZones&name=${large.slice(0, 1_000_000)}`),
    ],
    ['many parameters', await send('POST', '/client/api', form, 'a=1&'.repeat(200_000))],
    ['many equal signs', await send('POST', '/client/api', form, '='.repeat(900_000))],
    ['deep brackets', await send('POST', '/client/api', form, `command=x&a${'[0]'.repeat(50_000)}.b=1`)],
    ['a long query', await send('GET', `/client/api?command=listZones&name=${large.slice(0, 60_000)}`, {})],
    [
      'JSON',
      await send('POST', '/client/api', { 'content-type': 'application/json' }, '{"__proto__":{"command":"login"}}'),
    ],
    ['broken JSON', await send('POST', '/client/api', { 'content-type': 'application/json' }, '{')],
    ['another method', await send('DELETE', '/client/api?command=listZones', {})],
    ['another path', await send('GET', '/client/api/%2e%2e/%2e%2e/etc/passwd', {})],
    ['a broken path', await send('GET', '/client/%zz', {})],
  ] as const) {
    mustBeHarmless(t, what, sent);
    t.not(sent.status, 200, what);
  }
  const head = await send('HEAD', '/client/api?command=login&username=admin&password=x', {});
  t.is(head.status, 405);
});

test.serial('bytes that are no request end the connection and nothing else', async (t) => {
  const host = 'host: x\r\n';
  const requests = [
    'GARBAGE\r\n\r\n',
    '\0\0\0\0',
    `GET /client/api?command=listZones HTTP/9.9\r\n${host}\r\n`,
    `GET /client/api?a=b\0c HTTP/1.1\r\n${host}\r\n`,
    `GET /client/api?command=listZones HTTP/1.1\r\n${host}bad header\r\n\r\n`,
    `GET /client/api HTTP/1.1\r\n${host}x: ${'y'.repeat(100_000)}\r\n\r\n`,
    `POST /client/api HTTP/1.1\r\n${host}content-length: -1\r\n\r\n`,
    `POST /client/api HTTP/1.1\r\n${host}content-length: 5\r\ncontent-length: 6\r\n\r\nabcde`,
    `POST /client/api HTTP/1.1\r\n${host}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n`,
    `POST /client/api HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\nzz\r\n`,
    `GET /client/api?command=listZones HTTP/1.1\r\n\r\n`,
  ];
  for (const request of requests) {
    const answer = await raw(request);
    t.true(answer === '' || /^HTTP\/1\.1 4\d\d /.test(answer), `${request.slice(0, 60)}: ${answer.slice(0, 200)}`);
  }
  t.is((await get(world.endpoint, signed())).status, 200);
});

test.serial('a value that comes back in an error adds no header and no markup', async (t) => {
  const evil = '</errortext>\r\nSet-Cookie: a=b\r\n\r\n<script>x</script>\u2028';
  for (const response of ['json', 'xml']) {
    const answer = await get(world.endpoint, signed({ command: 'listZones', id: evil, response }));
    t.is(answer.status, 431);
    t.is(answer.headers.getSetCookie().length, 0);
    if (response === 'xml') t.false(answer.text.includes('<script>'), answer.text);
    t.true(isEnvelope(answer), answer.text);
    t.regex(answer.headers.get('content-type') ?? '', /^(?:application\/json|text\/xml)/);
  }
});
