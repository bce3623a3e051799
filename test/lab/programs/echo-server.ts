// node echo-server.ts ADDRESS [HTTP-PORT ECHO-PORT]
// A server for tests: HTTP tells who answers and who asked (as an instance's server does) and echoes a POST; TCP and UDP
// on the echo port send back what they get. Prints `ready` when all of them listen.
import { createSocket } from 'node:dgram';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

const [address = '127.0.0.1', httpPort = '80', echoPort = '7'] = process.argv.slice(2);

const http = createHttpServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  if (request.method === 'POST') request.pipe(response);
  else response.end(`hostname: ${address}\nclient: ${request.socket.remoteAddress ?? ''}\n`);
});
const tcp = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
udp.on('message', (message, { address: peer, port }) => udp.send(message, port, peer));

await Promise.all([
  new Promise<void>((resolve) => http.listen(Number(httpPort), address, resolve)),
  new Promise<void>((resolve) => tcp.listen(Number(echoPort), address, resolve)),
  new Promise<void>((resolve) => udp.bind(Number(echoPort), address, resolve)),
]);
process.stdout.write('ready\n');
