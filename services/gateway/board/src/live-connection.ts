/** One thing that is watched. */
export interface Watch {
  resource: string;
  /** Its item is in the list now. */
  onItem: (item: unknown) => void;
  /** Its item has left the list. */
  onLeft: (item: unknown) => void;
  /** Everything must be read anew; resolves when that has been done. */
  onRefetch: () => Promise<void>;
  /** All up to this has been told; ms since 1970 by the source's clock. */
  onFresh: (asOfMs: number) => void;
}

interface Watched extends Watch {
  source: string | undefined;
  /** After which event it stands; undefined: it must be read anew. */
  at: string | undefined;
  /** False from the beginning until all that it missed has come. */
  isLive: boolean;
  refetches: number;
}

/** A frame of docs/live.md, as far as it is used here. */
interface Frame {
  type: string;
  id?: string;
  source?: string;
  position?: string;
  to?: string[];
  left?: string[];
  data?: unknown;
  withinMs?: number;
  heartbeatMs?: number;
  mode?: 'poll' | 'push';
  sources?: Record<string, { position: string; asOfMs: number }>;
}

const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 3000;

/**
 * A socket to the gateway that comes back by itself, each watch going on after the last event that it was told. States:
 * closed → connecting → open → (lost) → connecting …; told to poll → closed until `connect` is called again.
 */
export class LiveConnection {
  readonly #watches = new Map<string, Watched>();
  readonly #onState: (open: boolean) => void;
  #socket: WebSocket | undefined;
  #failures = 0;
  #silence: number | undefined;
  #retry: number | undefined;
  #frames = 0;
  #silentAfterMs = 10_000;

  constructor(onState: (open: boolean) => void) {
    this.#onState = onState;
  }

  get frames(): number {
    return this.#frames;
  }

  connect(): void {
    if (this.#socket !== undefined || this.#retry !== undefined) return;
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/api/live`);
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data)) as Frame));
    socket.addEventListener('close', ({ code }) => this.#onClose(code));
    this.#hear();
  }

  watch(id: string, watch: Watch): void {
    this.#watches.set(id, { ...watch, source: undefined, at: undefined, isLive: false, refetches: 0 });
    this.#subscribe(id);
  }

  unwatch(id: string): void {
    this.#watches.delete(id);
    this.#send({ type: 'unsubscribe', id });
  }

  #take(frame: Frame): void {
    this.#hear();
    this.#frames += 1;
    if (frame.type === 'hello') this.#greet(frame);
    else if (frame.type === 'ping') this.#send({ type: 'pong' });
    else if (frame.type === 'event') this.#takeEvent(frame);
    else if (frame.type === 'subscribed') this.#goOn(frame);
    else if (frame.type === 'refetch') void this.#refetch(frame);
    else if (frame.type === 'position') this.#takePositions(frame);
  }

  #greet({ mode, heartbeatMs = 0 }: Frame): void {
    this.#silentAfterMs = Math.max(3000, 2 * heartbeatMs);
    if (mode !== 'push') return;
    this.#failures = 0;
    for (const id of this.#watches.keys()) this.#subscribe(id);
    this.#onState(true);
  }

  #takeEvent({ to = [], left = [], data, position }: Frame): void {
    for (const id of to) this.#watches.get(id)?.onItem(data);
    for (const id of left) this.#watches.get(id)?.onLeft(data);
    for (const id of [...to, ...left]) this.#stand(id, position);
  }

  #goOn({ id = '', source, position }: Frame): void {
    const watched = this.#watches.get(id);
    if (watched === undefined) return;
    Object.assign(watched, { source, isLive: true });
    this.#stand(id, position);
  }

  /** Nothing to go on from until it has been read: a connection lost meanwhile begins anew. */
  async #refetch({ id = '', source, position, withinMs = 0 }: Frame): Promise<void> {
    const watched = this.#watches.get(id);
    if (watched === undefined) return;
    const refetch = (watched.refetches += 1);
    Object.assign(watched, { source, isLive: false, at: undefined });
    if (withinMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * withinMs));
    for (let failures = 0; this.#isCurrent(id, watched, refetch); failures++) {
      try {
        await watched.onRefetch();
        if (!this.#isCurrent(id, watched, refetch)) return;
        watched.isLive = true;
        watched.at ??= position;
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, Math.min(200 * 2 ** failures, 3000)));
      }
    }
  }

  #isCurrent(id: string, watched: Watched, refetch: number): boolean {
    return this.#watches.get(id) === watched && watched.refetches === refetch;
  }

  #takePositions({ sources = {} }: Frame): void {
    for (const [id, watched] of this.#watches) {
      const known = sources[watched.source ?? ''];
      if (known === undefined || !watched.isLive) continue;
      this.#stand(id, known.position);
      watched.onFresh(known.asOfMs);
    }
  }

  /** While it is being read anew the events that come are applied, and are nothing to go on from. */
  #stand(id: string, position: string | undefined): void {
    const watched = this.#watches.get(id);
    const isReading = watched?.isLive === false && watched.at === undefined;
    if (watched !== undefined && !isReading) watched.at = position;
  }

  #subscribe(id: string): void {
    const watched = this.#watches.get(id);
    if (watched === undefined) return;
    // Whatever was being read for the connection before is void.
    watched.refetches += 1;
    watched.isLive = false;
    const from = watched.at === undefined ? {} : { from: watched.at };
    this.#send({ type: 'subscribe', id, resource: watched.resource, ...from });
  }

  #send(frame: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** The gateway says something every second; a connection that is silent is none. */
  #hear(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket?.close(4001, 'silent'), this.#silentAfterMs);
  }

  #onClose(code: number): void {
    clearTimeout(this.#silence);
    this.#socket = undefined;
    this.#onState(false);
    if (code === 4000) return;
    const ceilingMs = Math.min(RETRY_FIRST_MS * 2 ** this.#failures++, RETRY_MAX_MS);
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        this.connect();
      },
      ceilingMs * (0.5 + Math.random() / 2),
    );
  }
}
