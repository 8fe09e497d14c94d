import type { SourcedStage } from '@banyan/control';
import type { EdgeComparison } from '../comparison/edge-comparison.js';
import type { Evidence } from '../comparison/evidence.js';
import type { CallRoute } from '../query/provider-call.js';
import type { ResolvedOptions } from '../query/query-edge-options.js';
import { refuseProbedSideEffects } from '../query/side-effects.js';
import { NO_PROBES } from './probe-options.js';
import { ProbeRoute } from './probe-route.js';
import { Prober } from './prober.js';

export interface EdgeProbesParts<Request, Response> {
  stage: SourcedStage<'query'>;
  evidence: Evidence;
  comparison: EdgeComparison<Request, Response>;
}

/** What asks when callers ask too seldom, on one edge of this process; see `Prober`. */
export class EdgeProbes<Request, Response> {
  readonly #route: ProbeRoute<Request, Response>;
  readonly #prober: Prober<Request>;

  /** @throws BANYAN_OPTION_INVALID if the method is not declared to have no side effects */
  private constructor(
    options: ResolvedOptions<Request, Response>,
    { stage, evidence, comparison }: EdgeProbesParts<Request, Response>,
  ) {
    const { edge, method, strata, stratumOf, logger } = options;
    refuseProbedSideEffects({ edge, method, descriptors: options.compare.descriptors });
    this.#route = new ProbeRoute(method, options.probeClient);
    this.#prober = new Prober({
      ...{ stage, evidence, strata, stratumOf, logger },
      ...{ source: options.probes, everyMs: options.probeEveryMs, target: options.probeTarget },
      ask: async (request, tally) => {
        if (this.#route.last === undefined) await this.#route.find(request);
        if (this.#route.last !== undefined) comparison.probe(this.#route.last, request, tally);
      },
    });
    this.#prober.start();
  }

  /** Undefined: the edge has no probes. */
  static of<Request, Response>(
    options: ResolvedOptions<Request, Response>,
    parts: EdgeProbesParts<Request, Response>,
  ): EdgeProbes<Request, Response> | undefined {
    return options.probes === NO_PROBES ? undefined : new EdgeProbes(options, parts);
  }

  /** Tells of a call. @returns whether it is none of a caller's, and is to be left alone */
  note(route: CallRoute): boolean {
    return this.#route.note(route);
  }

  stop(): Promise<void> {
    return this.#prober.stop();
  }
}
