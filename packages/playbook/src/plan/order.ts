import type { Plan, PlanAction, PlanStep } from './plan.js';

/**
 * The partial order of a plan's steps. Whatever `apply` does first where it is free to choose, and whoever moves another edge
 * meanwhile: before a step runs, exactly those of `before` are certain to be done.
 */
export class PlanOrder {
  readonly #steps: readonly PlanStep[];
  readonly #before = new Map<number, ReadonlySet<number>>();

  constructor({ steps }: Plan) {
    this.#steps = steps;
  }

  /** Steps that wait for each other, in a circle; undefined if there are none. */
  circle(): PlanStep[] | undefined {
    const done = new Set<number>();
    for (const { index } of this.#steps) {
      const found = this.#circleFrom(index, [], done);
      if (found !== undefined) return found.map((each) => this.#at(each));
    }
    return undefined;
  }

  /** All that is certain to be done before a step, in the order of the file. */
  before(step: PlanStep): PlanStep[] {
    const certain = this.#certain(step.index);
    return this.#steps.filter(({ index }) => certain.has(index));
  }

  /** The shortest run of the plan that does these steps last: what must be before them, then they. */
  runTo(...last: readonly PlanStep[]): PlanStep[] {
    const needed = new Set(last.flatMap((step) => [...this.#certain(step.index)]));
    const ends = new Set(last.map(({ index }) => index));
    return this.#sorted([...needed].filter((index) => !ends.has(index))).concat(this.#sorted([...ends]));
  }

  /** Steps that may be done before another one, though they need not be. */
  mayPrecede(step: PlanStep): PlanStep[] {
    return this.#steps.filter(({ index }) => index !== step.index && !this.#certain(index).has(step.index));
  }

  #certain(index: number): ReadonlySet<number> {
    const known = this.#before.get(index);
    if (known !== undefined) return known;
    const found = new Set<number>();
    for (const each of this.#at(index).after) {
      found.add(each);
      for (const earlier of this.#certain(each)) found.add(earlier);
    }
    this.#before.set(index, found);
    return found;
  }

  /** Each after all that it waits for; else as in the file. */
  #sorted(indexes: readonly number[]): PlanStep[] {
    const rest = [...indexes].sort((a, b) => a - b);
    const sorted: number[] = [];
    while (rest.length > 0) {
      const free = rest.findIndex((index) => !rest.some((other) => this.#certain(index).has(other)));
      sorted.push(...rest.splice(Math.max(free, 0), 1));
    }
    return sorted.map((index) => this.#at(index));
  }

  #circleFrom(index: number, path: readonly number[], done: Set<number>): number[] | undefined {
    if (done.has(index)) return undefined;
    const start = path.indexOf(index);
    if (start >= 0) return path.slice(start);
    for (const each of this.#at(index).after) {
      const found = this.#circleFrom(each, [...path, index], done);
      if (found !== undefined) return found;
    }
    done.add(index);
    return undefined;
  }

  #at(index: number): PlanStep {
    const step = this.#steps[index];
    if (step === undefined) throw new Error(`the plan has no step ${index}`);
    return step;
  }
}

/** The last of some steps that did something to an edge's stage. */
export function lastMove(
  steps: readonly PlanStep[],
  edge: string,
): Extract<PlanAction, { do: 'advance' | 'back' }> | undefined {
  for (const { action } of [...steps].reverse())
    if ((action.do === 'advance' || action.do === 'back') && action.edge === edge) return action;
  return undefined;
}
