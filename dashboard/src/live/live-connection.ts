import { BASE } from '../api/client.js';
import type { AuditRow, Overview } from '../wire.js';
import type { LiveEvent } from './live-state.js';

export interface LiveConnectionParts {
  tell: (event: LiveEvent) => void;
  /** The gateway refuses the page: its session has to be opened again. */
  onRefused: () => void;
}

/** The gateway says something every few seconds. After so long without a word the connection is taken for lost, in ms. */
const SILENCE_MS = 12_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/**
 * Server-sent events, for as long as the page is there. `stopped` → `connecting` → `open` → (silence, or an error) →
 * `waiting` → `connecting`. It connects anew by itself rather than leave it to the browser, which gives up after some errors
 * and notices no silence.
 */
export class LiveConnection {
  readonly #parts: LiveConnectionParts;
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(parts: LiveConnectionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.stop();
    const source = new EventSource(`${BASE}/live`);
    this.#source = source;
    source.addEventListener('open', () => this.#hear({ type: 'opened', nowMs: Date.now() }));
    source.addEventListener('ping', () => this.#hear({ type: 'ping', nowMs: Date.now() }));
    source.addEventListener('overview', ({ data }: MessageEvent<string>) =>
      this.#hear({ type: 'overview', nowMs: Date.now(), overview: JSON.parse(data) as Overview }),
    );
    source.addEventListener('audit', ({ data }: MessageEvent<string>) =>
      this.#hear({ type: 'audit', nowMs: Date.now(), entry: JSON.parse(data) as AuditRow }),
    );
    source.addEventListener('error', () => void this.#lose());
    this.#expectWord();
  }

  /** Stopping twice, or before starting, is legal. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  #hear(event: LiveEvent): void {
    this.#retryMs = FIRST_RETRY_MS;
    this.#expectWord();
    this.#parts.tell(event);
  }

  #expectWord(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#lose(), SILENCE_MS);
  }

  /** An event source does not say why it failed, so the gateway is asked whether it was the session. */
  async #lose(): Promise<void> {
    this.stop();
    this.#parts.tell({ type: 'lost', nowMs: Date.now() });
    const retryMs = this.#retryMs;
    this.#retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
    this.#timer = setTimeout(() => this.start(), retryMs);
    if (await isRefused()) {
      this.stop();
      this.#parts.onRefused();
    }
  }
}

async function isRefused(): Promise<boolean> {
  try {
    const response = await fetch(`${BASE}/session`, {
      cache: 'no-store',
      signal: AbortSignal.timeout(5_000),
    });
    if (!response.ok) return response.status === 401;
    const { authenticated } = (await response.json()) as { authenticated: boolean };
    return !authenticated;
  } catch {
    return false;
  }
}
