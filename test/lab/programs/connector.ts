// Opens TCP connections from inside of its namespace, asked over a Unix socket from outside of it:
//
//   node connector.ts SOCKET
//
// A connection that sends `ADDRESS PORT TIMEOUT_MS` and a newline gets `connected`, or why there was no connection.
import { connect, createServer } from 'node:net';

const [socketPath = ''] = process.argv.slice(2);

function attempt(host: string, port: number, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const connection = connect({ host, port });
    const end = (words: string) => {
      clearTimeout(timer);
      connection.resetAndDestroy();
      resolve(words);
    };
    const timer = setTimeout(() => end(`no answer within ${timeoutMs} ms`), timeoutMs);
    connection.on('connect', () => end('connected'));
    connection.on('error', ({ message }) => end(message));
  });
}

const server = createServer((caller) => {
  caller.on('error', () => caller.destroy());
  caller.once('data', (line) => {
    const [host = '', port = '', timeoutMs = ''] = line.toString().trim().split(' ');
    void attempt(host, Number(port), Number(timeoutMs)).then((words) => caller.end(`${words}\n`));
  });
});
server.listen(socketPath, () => console.log('ready'));
