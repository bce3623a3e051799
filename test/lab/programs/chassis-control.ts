// What ipmi_sim runs when its chassis is asked or told something:
//
//   node chassis-control.ts SOCKET get power | set power 0|1 | set reset 1
//
// Says the words on the lab's socket and prints the answer: `power:1`, or nothing.
import { connect } from 'node:net';

const [socketPath = '', ...words] = process.argv.slice(2);
const socket = connect(socketPath, () => socket.end(`${words.join(' ')}\n`));
socket.pipe(process.stdout);
socket.on('error', ({ message }) => {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
});
