// Sends one message of a DHCP client (RFC 2131) from port 68 to a server and ends:
//
//   node dhcp-message.ts SERVER TYPE HARDWARE-ADDRESS REQUESTED-ADDRESS [hidden]
//
// TYPE is that of option 53, such as 4 for DHCPDECLINE. `hidden`: another option stands before it.
import { createSocket } from 'node:dgram';

const [server = '', type = '', hardwareAddress = '', requested = '', hidden = ''] = process.argv.slice(2);
const bytes = (address: string) => address.split('.').map(Number);
const message = Buffer.alloc(320);
message.set([1, 1, 6]);
message.writeUInt32BE(Math.floor(Math.random() * 2 ** 32), 4);
message.set(Buffer.from(hardwareAddress.replaceAll(':', ''), 'hex'), 28);
const before = hidden === 'hidden' ? [12, 1, 120] : [];
const options = [...before, 53, 1, Number(type), 54, 4, ...bytes(server), 50, 4, ...bytes(requested), 255];
message.set([0x63, 0x82, 0x53, 0x63, ...options], 236);
const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.bind(68, '0.0.0.0', () => socket.send(message, 67, server, () => socket.close()));
