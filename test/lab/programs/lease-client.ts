// A DHCP client of many hardware addresses (RFC 2131), asked over a Unix socket from outside of its namespace:
//
//   node lease-client.ts SOCKET
//
// A connection that sends one hardware address and a newline gets the address of the first DHCPOFFER for it. It asks
// again every few milliseconds until then, or at the pause in milliseconds that stands behind the hardware address; once
// the connection is closed it asks no more. Its namespace has an address and a route to 255.255.255.255.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [socketPath = ''] = process.argv.slice(2);
const defaultPauseMs = 3;
const waiting = new Map<string, (address: string) => void>();
const socket = createSocket({ type: 'udp4', reuseAddr: true });

/** The fields stand at fixed places before the options: op, htype, hlen; flags (broadcast) at 10; chaddr at 28. */
function discover(hardwareAddress: string): Buffer {
  const message = Buffer.alloc(300);
  message.set([1, 1, 6]);
  message.writeUInt32BE(Math.floor(Math.random() * 2 ** 32), 4);
  message.writeUInt16BE(0x8000, 10);
  message.set(Buffer.from(hardwareAddress.replaceAll(':', ''), 'hex'), 28);
  message.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 55, 2, 1, 3, 255], 236);
  return message;
}

/** Calls `answer` with the first offer. What it answers with stops asking. */
function askFor(hardwareAddress: string, pauseMs: number, answer: (address: string) => void): () => void {
  const message = discover(hardwareAddress);
  const ask = () => socket.send(message, 67, '255.255.255.255');
  const timer = setInterval(ask, pauseMs);
  const stop = () => {
    clearInterval(timer);
    if (waiting.get(hardwareAddress) === done) waiting.delete(hardwareAddress);
  };
  const done = (address: string) => {
    stop();
    answer(address);
  };
  waiting.set(hardwareAddress, done);
  ask();
  return stop;
}

// Option 53 is the first that dnsmasq writes: 2 is a DHCPOFFER.
socket.on('message', (message) => {
  const isOffer = message[240] === 53 && message[242] === 2;
  const bytes = [...message.subarray(28, 34)].map((byte) => byte.toString(16).padStart(2, '0'));
  if (isOffer) waiting.get(bytes.join(':'))?.([...message.subarray(16, 20)].join('.'));
});

socket.bind(68, '0.0.0.0', () => {
  socket.setBroadcast(true);
  const server = createServer((connection) => {
    connection.on('error', () => connection.destroy());
    connection.once('data', (line) => {
      const [hardwareAddress = '', pause = defaultPauseMs] = line.toString().trim().split(' ');
      const stop = askFor(hardwareAddress, Number(pause), (address) => connection.end(`${address}\n`));
      connection.on('close', stop);
    });
  });
  server.listen(socketPath, () => console.log('ready'));
});
