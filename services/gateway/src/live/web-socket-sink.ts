import type { WebSocket } from '@fastify/websocket';
import type { Sink } from './sink.js';

/** Sends over a WebSocket, one text frame each. */
export class WebSocketSink implements Sink {
  readonly answers = true;
  readonly #socket: WebSocket;
  #onDrain: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(frame, (error) => {
      // A broken socket tells by its close event.
      if (!error) this.#onDrain();
    });
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  destroy(): void {
    this.#socket.terminate();
  }
}
