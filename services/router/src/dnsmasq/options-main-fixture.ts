// For tests: asks for a lease as the MAC address given, for the options of the codes given, and prints those of the offer as
// JSON, `[code, hexadecimal bytes]` each.
import { createSocket } from 'node:dgram';

const [macAddress = '', list = ''] = process.argv.slice(2);
const codes = list.split(',').map(Number);
const message = Buffer.alloc(400);
message.set([1, 1, 6]);
message.writeUInt16BE(0x8000, 10);
message.set(Buffer.from(macAddress.replaceAll(':', ''), 'hex'), 28);
// Option 57: there is room for 1,400 bytes.
message.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 57, 2, 5, 120, 55, codes.length, ...codes, 255], 236);
const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.on('message', (answer) => {
  const found = new Map<number, string>();
  for (let at = 240; at + 1 < answer.length && answer[at] !== 255; at += 2 + (answer[at + 1] ?? 0)) {
    const code = answer[at] ?? 0;
    const value = answer.subarray(at + 2, at + 2 + (answer[at + 1] ?? 0)).toString('hex');
    if (codes.includes(code)) found.set(code, (found.get(code) ?? '') + value);
  }
  console.log(JSON.stringify([...found]));
  socket.close();
  clearInterval(timer);
});
socket.bind(68, '0.0.0.0', () => {
  socket.setBroadcast(true);
  socket.send(message, 67, '255.255.255.255');
});
const timer = setInterval(() => socket.send(message, 67, '255.255.255.255'), 1000);
