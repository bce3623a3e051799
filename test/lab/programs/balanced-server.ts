// node balanced-server.ts ADDRESS HTTP-PORT LINE-PORT
// A server behind a load balancer: HTTP tells who answers, gives everyone who has none a cookie SESSION, and has a /health
// that says 503 after a POST to /ill, and 200 again after one to /well; TCP on the other port answers with its own address
// and the first line that it gets; UDP there answers with its own address. Prints `ready` when all of them listen.
import { randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

const [address = '127.0.0.1', httpPort = '8080', linePort = '9000'] = process.argv.slice(2);
let isIll = false;

const http = createHttpServer((request, response) => {
  const { url = '/', headers } = request;
  if (request.method === 'POST') isIll = url === '/ill';
  if (!/\bSESSION=/.test(headers.cookie ?? '')) response.setHeader('Set-Cookie', `SESSION=${randomUUID()}; Path=/`);
  response.statusCode = url === '/health' && isIll ? 503 : 200;
  response.setHeader('Content-Type', 'text/plain');
  const forwarded = headers['x-forwarded-for'] ?? '';
  response.end(`hostname: ${address}\nclient: ${request.socket.remoteAddress ?? ''}\nforwarded: ${forwarded}\n`);
});
http.keepAliveTimeout = 120_000;
const lines = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (data) => socket.end(`${address} ${data.toString('latin1').split('\r\n')[0]}\n`));
});
const udp = createSocket('udp4');
udp.on('message', (_message, { address: peer, port }) => udp.send(address, port, peer));

await Promise.all([
  new Promise<void>((resolve) => http.listen(Number(httpPort), address, resolve)),
  new Promise<void>((resolve) => lines.listen(Number(linePort), address, resolve)),
  new Promise<void>((resolve) => udp.bind(Number(linePort), address, resolve)),
]);
process.stdout.write('ready\n');
