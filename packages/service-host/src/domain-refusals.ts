import type { Refusals } from '@banyan/edge';
import { DomainError, type Refusal } from './domain-error.js';

/** How the receivers of reactions keep a `DomainError`: told again, it is the same no with the same details. */
export const domainRefusals: Refusals = {
  record: (error) => {
    if (!(error instanceof DomainError)) return undefined;
    const { refusal, message } = error;
    return JSON.stringify({ refusal, message });
  },
  restore: (recorded) => {
    // Written by `record`, in the service's own database.
    const { refusal, message } = JSON.parse(recorded) as { refusal: Refusal; message: string };
    return new DomainError(refusal, message);
  },
};
