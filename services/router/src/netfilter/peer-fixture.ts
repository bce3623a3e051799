// A program for the tests of the packet filter, run inside a namespace: a server that says who it is and whom it sees,
// or a client. Arguments: `serve NAME PORTS` (such as tcp/80,udp/53-55), `ask PROTOCOL ADDRESS PORT`, `hold ADDRESS PORT`.
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';

/**
 * How long no answer counts as none: beyond TCP's second attempt (1 s). Counted in ticks, which come later where the machine
 * is busy, as answers do.
 */
const [patienceTicks, tickMs, againTicks] = [160, 10, 50];

function portsOf(text: string): { protocol: string; port: number }[] {
  return text.split(',').flatMap((part) => {
    const [protocol = '', range = ''] = part.split('/');
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, offset) => ({ protocol, port: first + offset }));
  });
}

function serveTcp(name: string, port: number): void {
  const answer = (socket: Socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`${name}:${port} sees ${socket.remoteAddress}\n`);
    socket.pipe(socket);
  };
  createServer(answer).listen(port, '0.0.0.0');
  createServer(answer).listen({ port, host: '::', ipv6Only: true });
}

function serveUdp(name: string, port: number): void {
  for (const type of ['udp4', 'udp6'] as const) {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    const answer = (to: string) => `${name}:${port} sees ${to}\n`;
    socket.on('message', (_text, peer) => socket.send(answer(peer.address), peer.port, peer.address));
    socket.bind(port);
  }
}

function serve(name: string, ports: string): void {
  for (const { protocol, port } of portsOf(ports)) (protocol === 'udp' ? serveUdp : serveTcp)(name, port);
  console.log('ready');
}

function answered(text: string): never {
  console.log(text.trim());
  process.exit(0);
}

function ask(protocol: string, address: string, port: number): void {
  let send = (): void => {};
  let ticks = 0;
  setInterval(() => {
    ticks += 1;
    if (ticks === patienceTicks) answered('nothing');
    if (ticks % againTicks === 0) send();
  }, tickMs);
  if (protocol === 'udp') {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', (text) => answered(text.toString()));
    send = () => socket.send('hello', port, address);
    send();
    return;
  }
  const socket = connect({ host: address, port });
  socket.on('data', (text) => answered(text.toString()));
  socket.on('error', () => answered('refused'));
}

/** Prints a line for every echo that comes back. */
function hold(address: string, port: number): void {
  const socket = connect({ host: address, port });
  socket.setNoDelay(true);
  socket.on('error', () => process.exit(0));
  socket.on('data', () => console.log('echo'));
  const timer = setInterval(() => socket.write('x\n'), 30);
  socket.on('close', () => clearInterval(timer));
}

const [verb = '', first = '', second = '', third = ''] = process.argv.slice(2);
if (verb === 'serve') serve(first, second);
else if (verb === 'ask') ask(first, second, Number(third));
else hold(first, Number(second));
