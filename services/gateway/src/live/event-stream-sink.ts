import type { ServerResponse } from 'node:http';
import type { Sink } from './sink.js';

/** Sends server-sent events. Each has the places as its id, which the browser gives back when it reconnects. */
export class EventStreamSink implements Sink {
  readonly answers = false;
  readonly #response: ServerResponse;
  #onDrain: () => void = () => undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  send(frame: string, places: () => string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    const id = places();
    const idLine = id === '' ? '' : `id: ${id}\n`;
    this.#response.write(`${idLine}data: ${frame}\n\n`, (error) => {
      if (!error) this.#onDrain();
    });
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  /** There is no close code here: the last event says why, as a frame does. */
  close(code: number, reason: string): void {
    this.send(JSON.stringify({ type: 'close', code, reason }), () => '');
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }
}
