// The handshake with servers that are not ours, and the relay of their pictures: TigerVNC by VNC authentication and
// VeNCrypt, QEMU on a Unix socket.
import { randomBytes, randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import type { RfbSecurity } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { connectPage, eventually, openingOf, openPage, startProxy, startTarget } from '../proxy-fixture.ts';
import { answerChallenge } from './vnc-authentication.ts';

const host = createHost({ log: silentLog });
const password = 'hunter27';
/** What TigerVNC and all before it encrypt the file of a password by. */
const fileKey = String.fromCharCode(23, 82, 107, 6, 35, 78, 88, 7);
const serverName = 'vnc.example.org';

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = `${tmpdir()}/isthmus-vnc-${randomBytes(6).toString('hex')}`;
  await host.files.makeDirectory(folder);
  t.teardown(() => host.files.remove(folder));
  return folder;
}

async function accepts(where: { port: number; host: string } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(where, () => resolve(true)).on('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function start(t: ExecutionContext, file: string, words: readonly string[], folder: string): Promise<void> {
  const pid = await host.commands.startDaemon(file, words, { logPath: `${folder}/log` });
  t.teardown(() => void host.commands.signal(pid, 'SIGKILL'));
}

async function waitUntilServes(folder: string, where: Parameters<typeof accepts>[0]): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await accepts(where))) {
    if (performance.now() > end) throw new Error(`no server: ${await host.files.readTextIfExists(`${folder}/log`)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const where = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof where === 'object' && where !== null ? where.port : 0;
}

async function openssl(...words: string[]): Promise<void> {
  await host.commands.run('openssl', words);
}

/** A certificate of an authority of its own for `serverName`; answers with the authority's. */
async function certify(folder: string): Promise<string> {
  const [ca, caKey, key, request, certificate] = ['ca', 'ca.key', 'key', 'request', 'certificate'].map(
    (name) => `${folder}/${name}`,
  ) as [string, string, string, string, string];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl('req', '-x509', ...newKey, '-keyout', caKey, '-out', ca, '-subj', '/CN=test', '-days', '2');
  await openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', '/CN=vnc');
  await writeFile(`${folder}/names`, `subjectAltName=DNS:${serverName}\n`);
  const by = ['-CA', ca, '-CAkey', caKey, '-extfile', `${folder}/names`, '-days', '1'];
  await openssl('x509', '-req', '-in', request, ...by, '-out', certificate);
  return (await host.files.readTextIfExists(ca)) ?? '';
}

/** Debian's TigerVNC with these security types; answers with what leads to it. */
async function startTigerVnc(t: ExecutionContext, types: string) {
  const folder = await folderFor(t);
  const port = await freePort();
  const authority = await certify(folder);
  await writeFile(`${folder}/password`, answerChallenge(Buffer.from(password), fileKey));
  const words = ['-interface', '127.0.0.1', '-rfbport', String(port), '-geometry', '320x200', '-SecurityTypes', types];
  const secrets = ['-rfbauth', `${folder}/password`, '-X509Cert', `${folder}/certificate`, '-X509Key', `${folder}/key`];
  await start(t, 'Xtigervnc', [`:${randomInt(2000, 60_000)}`, ...words, ...secrets, '-nolisten', 'unix'], folder);
  await waitUntilServes(folder, { port, host: '127.0.0.1' });
  return { target: { kind: 'tcp', address: '127.0.0.1', port } as const, authority };
}

const rawPixels = 0;
/** SetEncodings with raw pixels alone, and a request for the whole of a screen. */
function pictureRequest(width: number, height: number): Buffer {
  const request = Buffer.from([2, 0, 0, 1, 0, 0, 0, rawPixels, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  request.writeUInt16BE(width, 14);
  request.writeUInt16BE(height, 16);
  return request;
}

/** Opens the screen in a page, and has its whole picture sent. */
async function seePicture(t: ExecutionContext, security: RfbSecurity, target: Parameters<typeof openingOf>[0]) {
  const proxy = await startProxy(t);
  const { page } = await openPage(proxy, openingOf(target, { security }));
  await page.bytes(12);
  page.webSocket.send('RFB 003.008\n', { binary: true });
  await page.bytes(2);
  page.webSocket.send(Buffer.from([1]));
  await page.bytes(4);
  page.webSocket.send(Buffer.from([1]));
  const init = await page.bytes(24);
  const name = await page.bytes(init.readUInt32BE(20));
  const [width, height] = [init.readUInt16BE(0), init.readUInt16BE(2)];
  page.webSocket.send(pictureRequest(width, height));
  let pixels = 0;
  while (pixels < width * height) {
    t.deepEqual((await page.bytes(2))[0], 0);
    for (let left = (await page.bytes(2)).readUInt16BE(); left > 0; left -= 1) {
      const rectangle = await page.bytes(12);
      t.is(rectangle.readInt32BE(8), rawPixels);
      const area = rectangle.readUInt16BE(4) * rectangle.readUInt16BE(6);
      await page.bytes((area * (init[4] ?? 0)) / 8);
      pixels += area;
    }
  }
  t.false(proxy.log().includes(password));
  return { name: name.toString(), width, height };
}

/** What the page is told of a screen that cannot be opened; the log has the reason, and no secret. */
async function refusal(t: ExecutionContext, security: RfbSecurity, target: Parameters<typeof openingOf>[0]) {
  const proxy = await startProxy(t);
  const page = await connectPage(proxy);
  page.say({ type: 'open', ticket: proxy.ticketFor(openingOf(target, { security })) });
  t.like(await page.notice('ended'), { reason: 'target', resumable: false });
  await eventually('the end is in the log', () => proxy.log().includes('a console has ended'));
  for (const secret of [security.password, security.username]) {
    if (secret !== undefined) t.false(proxy.log().includes(secret));
  }
  return proxy.log();
}

test('TigerVNC by VNC authentication', async (t) => {
  const { target } = await startTigerVnc(t, 'VncAuth');
  const security: RfbSecurity = { types: ['VeNCrypt', 'VncAuth'], password };
  t.like(await seePicture(t, security, target), { width: 320, height: 200 });
  t.regex(await refusal(t, { types: ['VncAuth'], password: 'wrong' }, target), /server refused: Authentication fail/);
  t.regex(await refusal(t, { types: ['None'] }, target), /security types 2, expected None/);
});

for (const [kind, more] of [
  ['X509Vnc', { password }],
  ['X509None', {}],
] as const) {
  test(`TigerVNC by VeNCrypt, ${kind}`, async (t) => {
    const { target, authority } = await startTigerVnc(t, kind);
    const security: RfbSecurity = { types: ['VeNCrypt'], authorities: [authority], serverName, ...more };
    t.like(await seePicture(t, security, target), { width: 320, height: 200 });
    const elsewhere: RfbSecurity = { ...security, serverName: 'other.example.org' };
    t.regex(await refusal(t, elsewhere, target), /TLS with the server: .*other\.example\.org/);
    const folder = await folderFor(t);
    const stranger: RfbSecurity = { ...security, authorities: [await certify(folder)] };
    t.regex(await refusal(t, stranger, target), /TLS with the server/);
  });
}

test('TigerVNC by VeNCrypt, X509Plain: a user that is none is refused inside of TLS', async (t) => {
  const { target, authority } = await startTigerVnc(t, 'X509Plain');
  const username = `nobody-${randomBytes(4).toString('hex')}`;
  const security: RfbSecurity = { types: ['VeNCrypt'], authorities: [authority], serverName, username, password };
  t.regex(await refusal(t, security, target), /server refused/);
});

test('anonymous TLS of TigerVNC is refused', async (t) => {
  const { target, authority } = await startTigerVnc(t, 'TLSNone,TLSVnc');
  const security: RfbSecurity = { types: ['VeNCrypt'], authorities: [authority], serverName, password };
  t.regex(await refusal(t, security, target), /kinds of VeNCrypt are .*expected X509Vnc, X509None/);
});

test('QEMU on a Unix socket', async (t) => {
  const folder = await folderFor(t);
  const path = `${folder}/vnc`;
  const machine = ['-machine', 'pc', '-accel', 'tcg', '-nodefaults', '-vga', 'std', '-S', '-m', '16'];
  await start(t, 'qemu-system-x86_64', [...machine, '-display', `vnc=unix:${path}`], folder);
  await waitUntilServes(folder, { path });
  // As the host's door leads to it.
  const { target } = await startTarget(t, (socket) => {
    const server = connect({ path });
    server
      .on('error', () => socket.destroy())
      .pipe(socket)
      .on('error', () => server.destroy())
      .pipe(server);
    socket.on('close', () => server.destroy());
  });
  const { name } = await seePicture(t, { types: ['None'] }, target);
  t.is(name, 'QEMU');
});
