import { countOf } from '../format/number.js';
import type { StepView } from '../wire.js';

/** Where the gateway has it from is of no use elsewhere: the file's name will do. */
export const fileIn = (description: string): string =>
  /^\S*\/\S*$/.test(description) ? description.slice(description.lastIndexOf('/') + 1) : description;

export interface Progress {
  /** Steps that need nothing more: done, or reached. */
  value: number;
  text: string;
}

/** How far the steps are: what a run has done, and apart from it what is so already. */
export function progressOf(steps: readonly StepView[]): Progress {
  const count = (wanted: StepView['state']): number => steps.filter(({ state }) => state === wanted).length;
  const [done, reached] = [count('done'), count('reached')];
  const more = reached === 0 ? '' : `, ${reached} ${done === 0 ? '' : 'more '}reached`;
  return { value: done + reached, text: `${done} of ${countOf(steps.length, 'step')} done${more}` };
}
