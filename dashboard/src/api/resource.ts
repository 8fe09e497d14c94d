import { signal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { look } from '../session/session.js';
import { problemIn, type Problem } from './problem.js';

/** What was read last, and what became of the latest attempt. Data stays when a later attempt fails. */
export interface Resource<T> {
  data: T | null;
  problem: Problem | null;
  readAtMs: number | null;
}

export interface ResourceOptions {
  /** Read again so often while the page is in sight, in ms; default: only when `path` or `version` changes. */
  everyMs?: number;
  /** Read again when this changes. */
  version?: string | number | undefined;
}

export interface Reading<T> extends Resource<T> {
  /** Reads now. */
  refresh: () => void;
}

/** Reads a path of the operator API for as long as the component is there. */
export function useResource<T>(path: string, { everyMs, version }: ResourceOptions = {}): Reading<T> {
  const reader = useMemo(() => new ResourceReader<T>(path), [path]);
  useEffect(() => reader.start(everyMs), [reader, everyMs]);
  useEffect(() => {
    void reader.runOnce();
  }, [reader, version]);
  return { ...reader.state.value, refresh: () => void reader.runOnce() };
}

/** One request at a time; one that is asked for meanwhile comes right after. */
class ResourceReader<T> {
  readonly state: Signal<Resource<T>> = signal({ data: null, problem: null, readAtMs: null });
  readonly #path: string;
  #left = new AbortController();
  #busy = false;
  #again = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Returns what ends it. */
  start(everyMs: number | undefined): () => void {
    this.#left = new AbortController();
    const timer = everyMs === undefined ? undefined : setInterval(() => void this.#ifInSight(), everyMs);
    return () => {
      clearInterval(timer);
      this.#left.abort();
    };
  }

  async runOnce(): Promise<void> {
    this.#again = this.#busy;
    if (this.#busy) return;
    this.#busy = true;
    const { signal: left } = this.#left;
    try {
      const data = await look<T>(this.#path, left);
      if (!left.aborted) this.state.value = { data, problem: null, readAtMs: Date.now() };
    } catch (error) {
      if (!left.aborted) this.state.value = { ...this.state.value, problem: problemIn(error) };
    } finally {
      this.#busy = false;
    }
    if (this.#again && !this.#left.signal.aborted) await this.runOnce();
  }

  #ifInSight(): Promise<void> {
    return document.hidden ? Promise.resolve() : this.runOnce();
  }
}
