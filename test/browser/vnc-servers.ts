// Real VNC servers to look at: QEMU with a guest of one sector, and TigerVNC's X server.
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { createHost } from '@isthmus/host';
import { waitFor } from '../lab/clients.ts';
import { ensureImages, imageFolder } from '../lab/images.ts';
import type { Picture } from './console-view.ts';

const { commands } = createHost();

/**
 * A guest that greets, then prints each key on its screen and on its serial port, by the BIOS alone:
 * xor ax,ax; mov ds,ax; cld; mov si,0x7c2b; print: lodsb; test al,al; jz read; mov ah,0x0e; int 0x10; jmp print;
 * read: xor ax,ax; int 0x16; mov ah,0x0e; int 0x10; mov dx,0x3f8; out dx,al; cmp al,13; jne read; mov ax,0x0e0a; int 0x10;
 * jmp read
 */
const program = Buffer.from(
  '31c08ed8fcbe2b7cac84c07406b40ecd10ebf531c0cd16b40ecd10baf803ee3c0d75f0b40eb00acd10ebe8',
  'hex',
);

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

function bootSector(greeting: string): Buffer {
  const sector = Buffer.alloc(512);
  program.copy(sector);
  sector.write(`${greeting}\0`, program.length, 'latin1');
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** A server that listens on a Unix socket. */
interface VncServer {
  readonly path: string;
  stop(): Promise<void>;
}

export interface QemuServer extends VncServer {
  /** What the guest has printed on its serial port: the keys that it saw. */
  seen(): Promise<string>;
  /** What the guest's screen holds, by QEMU itself. */
  picture(): Promise<Picture>;
}

async function stopper(pid: number, program: string, folder: string): Promise<void> {
  commands.signal(pid, 'SIGTERM');
  await waitFor(`${program} ends`, async () => ((await commands.isRunning(pid, program)) ? null : true), 10_000).catch(
    () => commands.signal(pid, 'SIGKILL'),
  );
  await rm(folder, { recursive: true, force: true });
}

/** One command of QEMU's monitor for people. */
async function monitor(path: string, line: string): Promise<void> {
  const socket = connect(path);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  await waitFor('the monitor', async () => (text.includes('(qemu)') ? true : null), 10_000);
  text = '';
  socket.write(`${line}\n`);
  await waitFor('the monitor', async () => (text.includes('(qemu)') ? true : null), 10_000);
  socket.destroy();
}

/** P6: a header of three numbers, then three bytes a point. */
function readPortablePixmap(file: Buffer): Picture {
  const [header = '', width = '0', height = '0'] =
    /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(file.subarray(0, 40).toString('latin1')) ?? [];
  return { width: Number(width), height: Number(height), points: new Uint8Array(file.subarray(header.length)) };
}

const emulator = '/usr/bin/qemu-system-x86_64';

/** Starts an emulated machine whose screen is served at `vnc` of a folder of its own. */
async function startMachine(folder: string, memoryMebibytes: number, words: readonly string[]): Promise<VncServer> {
  const path = `${folder}/vnc`;
  const machine = ['-M', 'pc,accel=tcg', '-m', String(memoryMebibytes), '-nodefaults', '-vga', 'std'];
  const screen = ['-display', 'none', '-vnc', `unix:${path}`];
  const pid = await commands.startDaemon(emulator, [...machine, ...screen, ...words], { logPath: `${folder}/log` });
  await waitFor('the VNC server of QEMU', () => exists(path), 20_000);
  return { path, stop: () => stopper(pid, emulator, folder) };
}

/** Starts a machine of 16 MiB whose guest is one sector: what it does is little. */
export async function startQemu(greeting: string): Promise<QemuServer> {
  const folder = await mkdtemp('/tmp/isthmus-vnc-');
  await writeFile(`${folder}/disk`, bootSector(greeting));
  const drive = ['-drive', `file=${folder}/disk,format=raw,if=ide`, '-serial', `file:${folder}/serial`];
  const control = ['-monitor', `unix:${folder}/monitor,server=on,wait=off`];
  const server = await startMachine(folder, 16, [...drive, ...control]);
  const picture = async () => {
    await monitor(`${folder}/monitor`, `screendump ${folder}/screen`);
    return readPortablePixmap(await readFile(`${folder}/screen`));
  };
  return { ...server, picture, seen: () => readFile(`${folder}/serial`, 'latin1') };
}

/** A guest of the image of that name: its screen at `path`, its serial port at `serial`. */
export interface GuestServer extends VncServer {
  readonly serial: string;
}

/** Boots the guest image of this checkout by its kernel, without a disk. */
export async function startGuest(): Promise<GuestServer> {
  await ensureImages(['guest']);
  const folder = await mkdtemp('/tmp/isthmus-vnc-');
  const serial = `${folder}/serial`;
  const kernel = ['-kernel', `${imageFolder}/guest/guest.vmlinuz`, '-initrd', `${imageFolder}/guest/guest.initrd`];
  const append = ['-append', 'console=tty0 console=ttyS0,115200 quiet loglevel=4 net.ifnames=0'];
  const port = ['-serial', `unix:${serial},server=on,wait=off`];
  return { ...(await startMachine(folder, 128, [...kernel, ...append, ...port])), serial };
}

export interface TigerServer extends VncServer {
  /** For X programs. */
  readonly display: string;
  /** Where it listens with a password; -1 without. */
  readonly port: number;
}

/** A free port of the loopback address. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/**
 * Starts TigerVNC's X server on a display of its own: on a Unix socket without a password, or with one on a TCP port of the
 * loopback address.
 */
export async function startTiger(geometry = '800x600', password?: string): Promise<TigerServer> {
  const folder = await mkdtemp('/tmp/isthmus-vnc-');
  const display = `:${1000 + Math.floor(Math.random() * 20_000)}`;
  const program = '/usr/bin/Xtigervnc';
  const path = `${folder}/vnc`;
  const words = [display, '-geometry', geometry, '-depth', '24', '-nolisten', 'tcp'];
  const port = password === undefined ? -1 : await freePort();
  if (password === undefined) words.push('-rfbport', '-1', '-rfbunixpath', path, '-SecurityTypes', 'None');
  else {
    const input = `${password}\n${password}\nn\n`;
    await commands.run('vncpasswd', [`${folder}/password`], { input });
    words.push('-rfbport', String(port), '-interface', '127.0.0.1', '-SecurityTypes', 'VncAuth');
    words.push('-rfbauth', `${folder}/password`);
  }
  const pid = await commands.startDaemon(program, words, { logPath: `${folder}/log` });
  await waitFor(
    `Xtigervnc (${folder}/log)`,
    async () => {
      const log = await readFile(`${folder}/log`, 'utf8').catch(() => '');
      return /Listening for VNC connections/.test(log) ? true : null;
    },
    20_000,
  );
  return { path, port, display, stop: () => stopper(pid, program, folder) };
}
