import type { ParityTarget } from '@banyan/control';
import { wholeNumber, type OptionRules } from '@banyan/runtime';
import type { ProbeSource } from './probe-requests.js';
import type { ProbeClient } from './probe-route.js';

/** The options of a query edge that are about probes; see `QueryEdgeOptions`. */
export interface ProbeOptions<Request> {
  probes?: ProbeSource<Request>;
  probeEveryMs?: number;
  probeTarget?: ParityTarget;
  probeClient?: () => ProbeClient | undefined;
}

/** Nothing is asked that nobody asks. */
export const NO_PROBES = (): [] => [];

export function probeRules<Request>(): OptionRules<ProbeOptions<Request>> {
  return {
    probes: {
      must: 'a function that gives requests',
      check: (value): value is ProbeSource<Request> => typeof value === 'function',
      fallback: NO_PROBES,
    },
    probeEveryMs: wholeNumber(10, 86_400_000, 1_000),
    probeTarget: {
      must: '{ maxDisagreement, confidence }',
      check: (value): value is ParityTarget =>
        typeof value === 'object' && value !== null && 'maxDisagreement' in value && 'confidence' in value,
      fallback: { maxDisagreement: 0.01, confidence: 0.95 },
    },
    probeClient: {
      must: 'a function that gives a client',
      check: (value): value is () => ProbeClient | undefined => typeof value === 'function',
      fallback: () => undefined,
    },
  };
}
