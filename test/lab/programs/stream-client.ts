// node stream-client.ts ADDRESS PORT [INTERVAL-MS [SOURCE-ADDRESS]]
// Keeps one TCP connection to an echo server and sends a numbered line at each interval. Until SIGTERM: then, or when the
// connection breaks, prints {sent, received, longestGapMs, error} as one line of JSON and ends. `longestGapMs` is the
// longest time between two echoes.
import { createConnection } from 'node:net';

const [address = '', port = '', interval = '10', localAddress] = process.argv.slice(2);
let sent = 0;
let received = 0;
let longestGapMs = 0;
let lastMs = performance.now();

function end(error: string | null): void {
  process.stdout.write(`${JSON.stringify({ sent, received, longestGapMs: Math.round(longestGapMs), error })}\n`);
  process.exit(0);
}

const source = localAddress === undefined ? {} : { localAddress };
const socket = createConnection({ host: address, port: Number(port), ...source }, () => {
  process.stdout.write('connected\n');
  lastMs = performance.now();
  setInterval(() => {
    sent += 1;
    socket.write(`${sent}\n`);
  }, Number(interval));
});
socket.on('data', (data) => {
  received += data.toString().split('\n').length - 1;
  longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
  lastMs = performance.now();
});
socket.on('error', (error) => end(error.message));
socket.on('close', () => end('the connection was closed'));
process.on('SIGTERM', () => {
  longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
  end(null);
});
