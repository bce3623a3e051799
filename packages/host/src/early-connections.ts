// A socket that listens accepts connections at once, and keeps them though nobody serves them yet: who connects then would
// wait for an answer that never comes, and the server could never be closed.
import type { Server, Socket } from 'node:net';

function end(socket: Socket): void {
  socket.destroy();
}

/** Ends connections that come before `admitConnections`, as if nobody listened yet. */
export function refuseConnections(server: Server): void {
  server.on('connection', end);
}

/** From now on connections are those of whom the server is handed to, who must serve it before anything else happens. */
export function admitConnections(server: Server): void {
  server.off('connection', end);
}
