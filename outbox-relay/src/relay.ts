import type { SourceRelayConfig } from './options.js';
import { SourceRelay, type SourceRelayStatus } from './source-relay.js';

/** One process's relay of several sources. They share nothing but the process: a source in trouble holds up no other. */
export class Relay {
  readonly #sources: SourceRelay[];

  constructor(sources: readonly SourceRelayConfig[]) {
    this.#sources = sources.map((config) => new SourceRelay(config));
  }

  get status(): SourceRelayStatus[] {
    return this.#sources.map((source) => source.status);
  }

  start(): void {
    for (const source of this.#sources) source.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.stop()));
  }
}
