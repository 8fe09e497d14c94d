import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';

/** A frame of the gateway, as far as tests look into it. */
export interface Frame {
  type: string;
  id?: string;
  to?: string[];
  left?: string[];
  reason?: string;
  position?: string;
  version?: number;
  key?: string;
  code?: string;
  data?: { name: string };
  [more: string]: unknown;
}

/** A client's socket that keeps the frames that came. */
export class LiveSocket {
  readonly frames: Frame[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  /** With which status, where it is not let in. */
  readonly refused: Promise<number>;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, { headers });
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.refused = new Promise((resolve) => {
      this.socket.on('unexpected-response', (_request, { statusCode = 0 }: IncomingMessage) => {
        this.socket.terminate();
        resolve(statusCode);
      });
    });
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Frame;
      if (frame.type === 'ping') this.send({ type: 'pong' });
      else this.frames.push(frame);
    });
  }

  static async open(url: string): Promise<LiveSocket> {
    const opened = new LiveSocket(url);
    await once(opened.socket, 'open');
    return opened;
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  subscribe(id: string, resource: string, from?: string): void {
    this.send({ type: 'subscribe', id, resource, ...(from === undefined ? {} : { from }) });
  }

  /** Frames of some kinds, in order. */
  of(...types: string[]): Frame[] {
    return this.frames.filter(({ type }) => types.includes(type));
  }

  /** Reads no more from the network, as a program that hangs. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  async close(): Promise<void> {
    this.resume();
    this.socket.close();
    await this.closed;
  }
}
