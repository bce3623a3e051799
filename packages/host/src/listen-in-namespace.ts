// Listening sockets of another network namespace. Node cannot enter one, so a short-lived child there opens the sockets
// and hands them over by IPC (SCM_RIGHTS; about 60 ms). A socket stays of the namespace in which it was opened, and keeps
// it alive: whoever removes the namespace closes them first.
import { type ChildProcess, spawn } from 'node:child_process';
import { Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { admitConnections, refuseConnections } from './early-connections.ts';
import type { ListenAnswer, ListenRequest } from './listen-main.ts';
import { backlog } from './real-sockets.ts';
import { type Endpoint, ListenError, type Sockets } from './sockets.ts';

const script = fileURLToPath(new URL('./listen-main.ts', import.meta.url));
const timeoutMs = 30_000;

/** Resolves with one server for each endpoint, by its index. Rejects with the child's words. */
function received(child: ChildProcess, request: ListenRequest): Promise<Server[]> {
  const servers: Server[] = [];
  return new Promise<Server[]>((resolve, reject) => {
    const fail = (reason: string) => {
      for (const server of servers) server.close();
      reject(new Error(reason));
    };
    let words = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = `${words}${text}`.slice(-4096);
    });
    child.once('error', (error) => fail(error.message));
    child.once('close', (code) => fail(`the child that opens sockets ended with ${code}: ${words.trim()}`));
    child.on('message', (answer: ListenAnswer, handle) => {
      if ('failure' in answer) fail(answer.failure);
      else if (handle instanceof Server) {
        refuseConnections(handle);
        servers[answer.index] = handle;
      }
      if (Object.keys(servers).length === request.endpoints.length) resolve(servers);
    });
    // A child that cannot be told has ended, and its words say more.
    child.send(request, () => {});
  });
}

/** Sockets in the network namespace at `path`, such as `/run/netns/NAME`. */
export function socketsOfNamespace(path: string): Sockets {
  return {
    listen: async (endpoints: readonly Endpoint[]) => {
      if (endpoints.length === 0) return [];
      const { PATH, NODE_COMPILE_CACHE } = process.env;
      const child = spawn('nsenter', [`--net=${path}`, '--', process.execPath, script], {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        env: { PATH, NODE_COMPILE_CACHE, LC_ALL: 'C', NODE_NO_WARNINGS: '1' },
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      });
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      try {
        const servers = await received(child, { endpoints, backlog });
        // Until it has ended, it may take a connection that nobody answers then.
        child.disconnect();
        await ended;
        for (const server of servers) admitConnections(server);
        return servers;
      } catch (error) {
        throw new ListenError(endpoints, error instanceof Error ? error.message : String(error), { cause: error });
      } finally {
        if (child.connected) child.disconnect();
      }
    },
  };
}
