import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** All of a server's connections: it forgets those itself that have asked for an upgrade, and then waits for them for ever. */
export class Connections {
  readonly #sockets = new Set<Socket>();

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
