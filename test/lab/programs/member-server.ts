// node member-server.ts ADDRESS...
// Members of load balancers for tests, one at each address. HTTP on port 80 tells as JSON who answers, who asked and with
// which headers: `/login` sets a cookie, `/alive` answers as `/alive/STATUS` has said last, `/stream` sends a byte every
// 50 ms until the client is gone. Port 81 takes the PROXY protocol's line before HTTP and tells it. TCP port 7 echoes and
// keeps a half-closed connection until it has sent all; UDP port 5353 tells who answers. Prints `ready`.
import { createSocket } from 'node:dgram';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:net';

function answerer(address: string): (request: IncomingMessage, response: ServerResponse) => void {
  let status = 200;
  return (request, response) => {
    const [, first = '', second = ''] = (request.url ?? '/').split(/[/;?]/);
    if (first === 'alive') {
      if (second !== '') status = Number(second);
      else response.statusCode = status;
    }
    if (first === 'login')
      response.setHeader('Set-Cookie', `SESSION=${second || address.replaceAll('.', '-')}; Path=/`);
    if (first === 'stream') {
      const timer = setInterval(() => response.write('.'), 50);
      response.on('close', () => clearInterval(timer));
      return;
    }
    const { headers } = request;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ member: address, client: request.socket.remoteAddress, headers }));
  };
}

/** Answers one request with the PROXY protocol's line. */
function tellsProxy(address: string) {
  return createServer((socket) => {
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (part) => {
      text += part.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      const body = JSON.stringify({ member: address, proxy: text.split('\r\n')[0] });
      socket.end(`HTTP/1.0 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
  });
}

async function serve(address: string): Promise<void> {
  const http = createHttpServer({ keepAliveTimeout: 300_000 }, answerer(address));
  const echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  const udp = createSocket('udp4');
  udp.on('message', (_message, { address: peer, port }) => udp.send(address, port, peer));
  await Promise.all([
    new Promise<void>((resolve) => http.listen(80, address, 1024, resolve)),
    new Promise<void>((resolve) => tellsProxy(address).listen(81, address, resolve)),
    new Promise<void>((resolve) => echo.listen(7, address, resolve)),
    new Promise<void>((resolve) => udp.bind(5353, address, resolve)),
  ]);
}

await Promise.all(process.argv.slice(2).map(serve));
process.stdout.write('ready\n');
