import type { CalibrationReport, FieldDifference, NoisyField } from '@banyan/control';
import type { ProviderAnswer } from './comparison.js';
import type { FieldComparison } from './fields/field-comparison.js';

interface Noise {
  times: number;
  /** Nothing but the order ever differed. */
  orderOnly: boolean;
}

export interface CalibrationParts<Response> {
  version: (response: Response) => number | undefined;
  fields: Pick<FieldComparison<Response>, 'differences'>;
}

/**
 * Call against call: what differs between two answers of the provider at the same version is noise, and would count against
 * any replica. States: idle → running until it has its samples → done; a new start begins anew from any of them.
 */
export class Calibration<Response> {
  readonly #parts: CalibrationParts<Response>;
  readonly #noise = new Map<string, Noise>();
  #wanted = 0;
  #samples = 0;
  #unjudged = 0;

  constructor(parts: CalibrationParts<Response>) {
    this.#parts = parts;
  }

  /** Whether more calls are to be asked twice. */
  get isRunning(): boolean {
    return this.#samples < this.#wanted;
  }

  start(samples: number): void {
    this.#noise.clear();
    this.#wanted = samples;
    this.#samples = 0;
    this.#unjudged = 0;
  }

  /** Two answers to one request, one right after the other. */
  judge(first: ProviderAnswer<Response>, second: ProviderAnswer<Response>): void {
    if (!this.isRunning) return;
    if (first.kind !== 'found' || second.kind !== 'found' || !this.#sameVersion(first, second)) {
      this.#unjudged += 1;
      return;
    }
    this.#samples += 1;
    this.#count(this.#parts.fields.differences(first.response, second.response));
  }

  report(): CalibrationReport {
    const state = this.#wanted === 0 ? 'idle' : this.isRunning ? 'running' : 'done';
    const fields = [...this.#noise].map(([pattern, noise]) => noisyField(pattern, noise));
    fields.sort((a, b) => b.times - a.times || a.pattern.localeCompare(b.pattern));
    return { state, wanted: this.#wanted, samples: this.#samples, unjudged: this.#unjudged, fields };
  }

  #count(differences: readonly FieldDifference[]): void {
    const ofSample = new Map<string, boolean>();
    for (const { pattern, kind } of differences) {
      ofSample.set(pattern, kind === 'order' && (ofSample.get(pattern) ?? true));
    }
    for (const [pattern, isOrder] of ofSample) {
      const { times, orderOnly } = this.#noise.get(pattern) ?? { times: 0, orderOnly: true };
      this.#noise.set(pattern, { times: times + 1, orderOnly: orderOnly && isOrder });
    }
  }

  #sameVersion(a: { response: Response }, b: { response: Response }): boolean {
    const [first, second] = [a, b].map(({ response }) => this.#parts.version(response));
    return first !== undefined && first > 0 && first === second;
  }
}

function noisyField(pattern: string, { times, orderOnly }: Noise): NoisyField {
  return { pattern, times, propose: orderOnly ? { unordered: pattern } : { ignore: pattern } };
}
