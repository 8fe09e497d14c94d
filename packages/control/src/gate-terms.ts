import type { GateOptions } from './gate-options.js';
import type { Ramp } from './ramp.js';
import type { Stage } from './stage.js';

/** The settings by which a gate judges, and where they are from. */
export interface GateTerms {
  gate: GateOptions;
  /** `defaults`, `options` of a command, or the step of a playbook in its words. */
  from: string;
}

/** Where an edge stands whose next gate is asked. */
export interface GatedEdge {
  /** Canonical text. */
  edge: string;
  stage: Stage;
  ramp: Ramp | null;
}

/** The settings of an edge's next gate. */
export type GateTermsFor = (edge: GatedEdge) => GateTerms;

/** Gates ask what they ask by themselves. */
export const defaultTerms: GateTermsFor = () => ({ gate: {}, from: 'defaults' });
