import { LADDERS, ladderOf, parseEdge, type Stage } from '@banyan/control';
import { nearestName } from '@banyan/runtime';
import { durationMs } from './duration.js';
import { trackOf, wordsOf, type Plan, type PlanAction, type PlanEdge, type PlanStep } from './plan.js';
import type { EdgeSettings, GateSettings, PlaybookStep } from './playbook-schema.js';
import type { Written } from './read-playbook.js';

/** One in a hundred at 95 %: about 300 comparisons that agree. */
const DEFAULT_GATE = { maxDisagreement: 0.01, confidence: 0.95, minReactions: 50 };
const DEFAULT_SOAK = '0s';
const DEFAULT_REHEARSAL = '30s';
const DEFAULT_QUIET = '1h';

/**
 * Makes a plan of what a playbook says: names are resolved, defaults filled in, and each step knows those before it.
 *
 * @throws BanyanError BANYAN_PLAYBOOK_INVALID for a name that there is not, with the nearest one
 */
export function resolvePlan(written: Written): Plan {
  return new Resolver(written).plan();
}

class Resolver {
  readonly #written: Written;
  readonly #edges = new Map<string, PlanEdge>();
  readonly #settings = new Map<string, EdgeSettings>();

  constructor(written: Written) {
    this.#written = written;
  }

  plan(): Plan {
    const { file, outline, steps } = this.#written;
    for (const [name, settings] of Object.entries(outline.edges)) this.#addEdge(name, settings);
    const replicas = Object.entries(outline.replicas ?? {}).map(([name, { needs = [] }]) => {
      const edges = needs.map((edge, i) => this.#edge(edge, ['replicas', name, 'needs', i]).name);
      return [name, { name, needs: edges }] as const;
    });
    const bare = steps.map((step, index) => this.#step(step, index));
    return {
      name: outline.name,
      file,
      edges: this.#edges,
      replicas: new Map(replicas),
      steps: bare.map((step, index) => ({ ...step, after: this.#before(bare, index) })),
    };
  }

  #addEdge(written: string, settings: EdgeSettings): void {
    const path = ['edges', written];
    const { text, provider, method } = this.#read(path, () => parseEdge(written));
    const { kind, replica, owner, target } = settings;
    const ladder = this.#read([...path, 'ladder'], () => ladderOf(settings.ladder ?? LADDERS[kind], kind));
    const floor = settings.floor ?? ladder[0];
    for (const [field, stage] of [['floor', floor] as const, ['target', target] as const])
      if (stage !== undefined) this.#mustBeOn(ladder, stage, [...path, field]);
    if (replica !== undefined && this.#written.outline.replicas?.[replica] === undefined)
      throw this.#unknown([...path, 'replica'], replica, Object.keys(this.#written.outline.replicas ?? {}));
    this.#settings.set(text, settings);
    this.#edges.set(text, {
      ...{ name: text, kind, method: `${provider}.${method}`, ladder, floor },
      ...{ target, owner, replica },
    });
  }

  #step(step: PlaybookStep, index: number): PlanStep {
    const action = this.#action(step, ['steps', index]);
    const { id, note } = step;
    return {
      index,
      text: wordsOf(action),
      id,
      note,
      at: this.#written.places.of(['steps', index]),
      action,
      after: [],
    };
  }

  #action(step: PlaybookStep, path: readonly (string | number)[]): PlanAction {
    if ('backfill' in step) {
      const known = Object.keys(this.#written.outline.replicas ?? {});
      if (known.includes(step.backfill)) return { do: 'backfill', replica: step.backfill };
      throw this.#unknown([...path, 'backfill'], step.backfill, known);
    }
    if ('retire' in step) {
      const known = [...new Set([...this.#edges.values()].map(({ method }) => method))];
      if (!known.includes(step.retire)) throw this.#unknown([...path, 'retire'], step.retire, known);
      return { do: 'retire', method: step.retire, quietMs: durationMs(step.quiet ?? DEFAULT_QUIET) };
    }
    if ('receive' in step)
      return { do: 'receive', edge: this.#edge(step.receive, [...path, 'receive']).name };
    if ('rehearse' in step) {
      const edge = this.#edge(step.rehearse, [...path, 'rehearse']).name;
      const { for: time = DEFAULT_REHEARSAL, maxErrors, minCalls } = step;
      const budget = {
        ...(maxErrors === undefined ? {} : { maxErrors }),
        ...(minCalls === undefined ? {} : { minCalls }),
      };
      return { do: 'rehearse', edge, forMs: durationMs(time), budget };
    }
    return this.#move(step, path);
  }

  #move(step: Extract<PlaybookStep, { to: Stage }>, path: readonly (string | number)[]): PlanAction {
    const kind = 'advance' in step ? 'advance' : 'back' in step ? 'back' : 'floor';
    const written = 'advance' in step ? step.advance : 'back' in step ? step.back : step.floor;
    const { name: edge, ladder } = this.#edge(written, [...path, kind]);
    this.#mustBeOn(ladder, step.to, [...path, 'to']);
    if (kind === 'floor') return { do: 'floor', edge, to: step.to };
    const defaults = this.#written.outline.defaults ?? {};
    const settings = this.#settings.get(edge);
    const soakMs = durationMs(
      ('soak' in step ? step.soak : undefined) ?? settings?.soak ?? defaults.soak ?? DEFAULT_SOAK,
    );
    if (kind === 'back') return { do: 'back', edge, to: step.to, soakMs };
    const own: GateSettings = 'gate' in step ? (step.gate ?? {}) : {};
    const gate = { ...DEFAULT_GATE, ...defaults.gate, ...settings?.gate, ...own };
    return {
      do: 'advance',
      edge,
      to: step.to,
      share: 'share' in step ? (step.share ?? 100) : 100,
      soakMs,
      gate,
    };
  }

  /** Places of the steps before: the last of the same track, and those that it names. */
  #before(steps: readonly PlanStep[], index: number): number[] {
    const step = steps[index];
    const names = this.#written.steps[index]?.after ?? [];
    const named = names.map((name, i) => {
      const found = steps.find(({ id, text }) => name === id || name === text);
      if (found !== undefined) return found.index;
      const known = steps.flatMap(({ id, text }) => (id === undefined ? [text] : [id, text]));
      throw this.#unknown(['steps', index, 'after', i], name, known);
    });
    const track = step === undefined ? undefined : trackOf(step.action);
    const previous = steps.slice(0, index).findLast(({ action }) => trackOf(action) === track);
    return [...new Set(previous === undefined ? named : [previous.index, ...named])];
  }

  #edge(written: string, path: readonly (string | number)[]): PlanEdge {
    const { text } = this.#read(path, () => parseEdge(written));
    const found = this.#edges.get(text);
    if (found !== undefined) return found;
    throw this.#unknown(path, written, [...this.#edges.keys()]);
  }

  #mustBeOn(ladder: readonly Stage[], stage: Stage, path: readonly (string | number)[]): void {
    if (ladder.includes(stage)) return;
    throw this.#written.places.invalid(path, `${stage} is no stage of this edge: ${ladder.join(', ')}`);
  }

  #read<T>(path: readonly (string | number)[], read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#written.places.invalid(path, error instanceof Error ? error.message : String(error));
    }
  }

  #unknown(path: readonly (string | number)[], name: string, known: readonly string[]): Error {
    const near = nearestName(name, known);
    const there = known.length === 0 ? 'there is none' : `there are ${known.join('; ')}`;
    const hint = near === undefined ? there : `did you mean ${near}?`;
    return this.#written.places.invalid(path, `${JSON.stringify(name)} is not known here: ${hint}`);
  }
}
