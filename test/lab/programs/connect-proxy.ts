// An HTTP proxy on a Unix socket that takes CONNECT and nothing else, and connects from its own namespace:
//
//   node connect-proxy.ts SOCKET
import { createServer } from 'node:http';
import { connect } from 'node:net';

const [socketPath = ''] = process.argv.slice(2);

const server = createServer((_request, response) => response.writeHead(405).end());
server.on('connect', (request, caller, head) => {
  const { hostname, port } = new URL(`tcp://${request.url ?? ''}`);
  const callee = connect({ host: hostname, port: Number(port) });
  callee.once('connect', () => {
    caller.write('HTTP/1.1 200 OK\r\n\r\n');
    callee.write(head);
    caller.pipe(callee).pipe(caller);
  });
  for (const [one, other] of [
    [caller, callee],
    [callee, caller],
  ] as const) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
});
server.listen(socketPath, () => console.log('ready'));
