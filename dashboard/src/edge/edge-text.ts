import type { EdgeOverview, GateVerdict, NextGate, Stage } from '../wire.js';

export interface EdgeParts {
  caller: string;
  provider: string;
  method: string;
}

/** The parts of an edge's name, `tasks -> projects.GetProject`. */
export function partsOf(edge: string): EdgeParts {
  const [caller = '', called = ''] = edge.split(' -> ');
  const dot = called.indexOf('.');
  return { caller, provider: called.slice(0, dot), method: called.slice(dot + 1) };
}

/** The page writes edges with a true arrow. */
export const withArrows = (text: string): string => text.replaceAll('->', '→');

/** A stage, and during a ramp for how many: `replica, 10 % of the keys`. */
export function stageText({ stage, ramp }: Pick<EdgeOverview, 'stage' | 'ramp'>): string {
  return ramp === null ? stage : `${stage} ${ramp.share} %`;
}

/** By which settings a gate judges, in a sentence. */
export const settingsText = ({ settingsFrom }: NextGate): string =>
  settingsFrom === 'defaults'
    ? 'Judged by the defaults: no step of a playbook leads on from here.'
    : `Judged as the playbook’s step says: ${withArrows(settingsFrom)}.`;

export const OUTCOME_TEXT: Readonly<Record<GateVerdict['outcome'], string>> = {
  pass: 'ready',
  fail: 'refused',
  'not-enough': 'not yet',
};

/** Who answers, or does the effect, at a stage. */
export const STAGE_MEANING: Readonly<Record<EdgeOverview['kind'], Partial<Record<Stage, string>>>> = {
  query: {
    call: 'The provider answers each call.',
    cache: 'A local cache answers, filled by calls and emptied by events.',
    shadow: 'The provider answers. The replica is asked too, off the caller’s path, and compared.',
    'prefer-replica': 'The replica answers if it is fresh enough, else the provider. A sample is compared.',
    replica: 'The replica answers. The provider may be down.',
    retired: 'The replica answers, and the provider refuses calls of this caller.',
  },
  reaction: {
    call: 'The call does the effect. A crash between commit and call loses it.',
    dual: 'Whichever comes first, call or event, does the effect, once.',
    event: 'The event does the effect. Nothing is called any more.',
    retired: 'The event does the effect, and the receiver refuses calls.',
  },
};
