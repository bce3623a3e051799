// A server of RFB 3.8 without security, for the benchmark of consoles. After the handshake it answers a KeyEvent (8 bytes)
// with itself, and a FramebufferUpdateRequest (10 bytes) with as many MiB as its width says. Says `ready PORT`.
import { type AddressInfo, createServer, type Socket } from 'node:net';

const mebibyte = Buffer.alloc(1_048_576, 0x5a);
const init = Buffer.alloc(24);
init.writeUInt16BE(640, 0);
init.writeUInt16BE(480, 2);
const script: readonly (readonly [number, Buffer])[] = [
  [12, Buffer.from([1, 1])],
  [1, Buffer.alloc(4)],
  [1, init],
];

function pour(socket: Socket, mebibytes: number): void {
  let left = mebibytes;
  const more = () => {
    while (left > 0) {
      left -= 1;
      if (!socket.write(mebibyte)) return socket.once('drain', more);
    }
    return socket;
  };
  more();
}

const server = createServer({ noDelay: true }, (socket) => {
  let step = 0;
  let begun = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.write('RFB 003.008\n');
  socket.on('data', (chunk) => {
    begun = begun.length === 0 ? chunk : Buffer.concat([begun, chunk]);
    for (;;) {
      const [length, answer] = script[step] ?? [begun[0] === 3 ? 10 : 8, null];
      if (begun.length < length) return;
      const message = begun.subarray(0, length);
      begun = begun.subarray(length);
      if (answer !== null) {
        step += 1;
        socket.write(answer);
      } else if (length === 10) pour(socket, message.readUInt16BE(6));
      else socket.write(message);
    }
  });
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`);
});
