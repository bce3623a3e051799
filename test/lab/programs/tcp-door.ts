// Leads connections to a Unix socket on to a TCP port of its own namespace:
//
//   node tcp-door.ts SOCKET ADDRESS PORT
import { connect, createServer } from 'node:net';

const [socketPath = '', host = '', port = ''] = process.argv.slice(2);

const server = createServer((caller) => {
  const callee = connect({ host, port: Number(port) });
  for (const [one, other] of [
    [caller, callee],
    [callee, caller],
  ] as const) {
    one.pipe(other);
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
});
server.listen(socketPath, () => console.log('ready'));
