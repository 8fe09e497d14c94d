/** What a client is sent over: a socket, or a stream of server-sent events. */
export interface Sink {
  /** True if the client can say that it is there. */
  readonly answers: boolean;
  /** Bytes that were sent and have not left yet. */
  readonly bufferedBytes: number;
  /** @param places how far the client is after it, per source: what it resumes from if the transport keeps that for it */
  send: (frame: string, places: () => string) => void;
  /** Tells whenever something has left. */
  onDrain: (listener: () => void) => void;
  /** Says good-bye, and why. */
  close: (code: number, reason: string) => void;
  /** Cuts off a client that does not listen. */
  destroy: () => void;
}

/** Why a socket is closed; above 4000 those of this protocol. */
export const CLOSE = {
  goingAway: 1001,
  policy: 1008,
  poll: 4000,
  silent: 4001,
} as const;
