// Answers every TCP connection with one small HTTP response and closes it, so that a connection costs next to nothing here:
//
//   node tiny-server.ts ADDRESS PORT
//
// The server closes first: the client's port is free again at once.
import { createServer } from 'node:net';

const [address = '', port = ''] = process.argv.slice(2);
const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n');

const server = createServer({ noDelay: true }, (connection) => {
  connection.on('error', () => connection.destroy());
  connection.once('data', () => connection.end(answer));
});
server.listen({ host: address, port: Number(port), backlog: 4096 }, () => console.log('ready'));
