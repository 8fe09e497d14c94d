import type { EvaluationContext } from '@openfeature/server-sdk';
import { messageOf, type Logger } from '@banyan/runtime';
import { parseEdge, type EdgeName } from '../edge-name.js';
import type { EdgeDeclaration, HeldRecord, RunningStage, StageListener } from '../edge-stage.js';
import type { RecordFile, RecordForm } from '../record-file.js';
import { isStageOf, ladderOf, type EdgeKind, type Ladder, type StageOf } from '../stage.js';
import type { SourcedStage } from '../stage-source.js';
import type { StageClient } from './from-open-feature.js';

/** The last stage that a provider gave an edge, on disk in `provider-stages.json`. */
export interface KnownStage {
  edge: string;
  stage: string;
}

export const KNOWN_FORM: RecordForm<KnownStage> = {
  list: 'provider-stages',
  nameOf: ({ edge }) => edge,
  store: (known) => known,
  read: (stored) => (isKnown(stored) ? stored : undefined),
};

export interface ProviderStageParts {
  client: StageClient;
  file: RecordFile<KnownStage>;
  flagOf: (edge: EdgeName) => string;
  context: EvaluationContext;
  timeoutMs: number;
  logger: Logger;
}

/** Last known stages of keys, per edge; more are forgotten, the oldest first. */
const MAX_KEYS = 10_000;
/** Troubles are told once each, and so many at most. */
const MAX_TOLD = 20;

/**
 * The stage of one edge as a flag provider has it. A provider that fails, hangs, or says what is no stage here moves
 * nothing: a key stays at the stage that it was last given, one never seen at that of requests without a key, and the edge
 * at its floor while none was ever known.
 */
export class ProviderStage<K extends EdgeKind = EdgeKind> implements SourcedStage<K> {
  readonly name: EdgeName;
  readonly kind: K;
  readonly ladder: Ladder<StageOf<K>>;
  readonly record = undefined;
  readonly runningFor = (key: string | undefined): Promise<RunningStage<StageOf<K>>> => this.#runningFor(key);
  readonly #parts: ProviderStageParts;
  readonly #flag: string;
  readonly #runnings = new Map<StageOf<K>, RunningStage<StageOf<K>>>();
  readonly #stageOfKey = new Map<string, StageOf<K>>();
  readonly #told = new Set<string>();
  readonly #listeners = new Set<StageListener<StageOf<K>>>();
  #running: RunningStage<StageOf<K>>;
  #held: HeldRecord | undefined;
  #persistedId = '';
  /** Answers may overtake each other; the newest question's holds. */
  #lastRound = 0;
  #newestRound = 0;

  constructor(declaration: EdgeDeclaration<K>, parts: ProviderStageParts) {
    this.name = parseEdge(declaration.edge);
    this.kind = declaration.kind;
    this.ladder = ladderOf(declaration.stages, declaration.kind);
    this.#parts = parts;
    this.#flag = parts.flagOf(this.name);
    const known = parts.file.get(this.name.text)?.stage;
    this.#running = this.#supports(known)
      ? { ...this.#runningAt(known), origin: 'file' }
      : { stage: this.ladder[0], change: 0, changeId: '', since: '', origin: 'floor' };
    this.#persistedId = this.#running.changeId;
  }

  /** The stage of requests without a key, as last asked for. */
  get running(): RunningStage<StageOf<K>> {
    return this.#running;
  }

  /** Set while the provider gives no stage that the edge has. */
  get held(): HeldRecord | undefined {
    return this.#held;
  }

  get persisted(): boolean {
    return this.#persistedId === this.#running.changeId;
  }

  onChange(listener: StageListener<StageOf<K>>): () => void {
    const tell: StageListener<StageOf<K>> = (now, before) => listener(now, before);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Asks for the stage of requests without a key. Never rejects. */
  async refresh(): Promise<void> {
    const round = (this.#lastRound += 1);
    const stage = await this.#ask(undefined);
    if (stage === undefined || round < this.#newestRound) return;
    this.#newestRound = round;
    const before = this.#running;
    this.#running = this.#runningAt(stage);
    if (before.changeId !== this.#running.changeId)
      for (const tell of this.#listeners) tell(this.#running, before);
    if (!this.persisted) await this.#keep(this.#running);
  }

  async #keep({ stage, changeId }: RunningStage<StageOf<K>>): Promise<void> {
    if (await this.#parts.file.put({ edge: this.name.text, stage })) this.#persistedId = changeId;
  }

  async #runningFor(key: string | undefined): Promise<RunningStage<StageOf<K>>> {
    const stage = await this.#ask(key);
    if (stage === undefined) return this.#lastKnown(key);
    if (key !== undefined) this.#remember(key, stage);
    return this.#runningAt(stage);
  }

  #lastKnown(key: string | undefined): RunningStage<StageOf<K>> {
    const stage = key === undefined ? undefined : this.#stageOfKey.get(key);
    return stage === undefined ? this.#running : this.#runningAt(stage);
  }

  #remember(key: string, stage: StageOf<K>): void {
    this.#stageOfKey.delete(key);
    this.#stageOfKey.set(key, stage);
    const [oldest] = this.#stageOfKey.keys();
    if (this.#stageOfKey.size > MAX_KEYS && oldest !== undefined) this.#stageOfKey.delete(oldest);
  }

  /** A provider counts no changes: being at a stage is the change, the same in all processes. */
  #runningAt(stage: StageOf<K>): RunningStage<StageOf<K>> {
    const known = this.#runnings.get(stage);
    if (known !== undefined) return known;
    const since = new Date().toISOString();
    const running = { stage, change: 0, changeId: `provider:${stage}`, since, origin: 'provider' } as const;
    this.#runnings.set(stage, running);
    return running;
  }

  /** undefined: the provider gave no stage that the edge has, or not in time. */
  async #ask(key: string | undefined): Promise<StageOf<K> | undefined> {
    const value = await this.#valueFor(key).catch((error: unknown) => ({ why: messageOf(error) }));
    if (this.#supports(value)) {
      this.#held = undefined;
      return value;
    }
    const none = `${JSON.stringify(value)} is none of ${this.ladder.join(', ')}`;
    this.#refuse(typeof value === 'string' ? none : value.why);
    return undefined;
  }

  async #valueFor(key: string | undefined): Promise<string | { why: string }> {
    const { client, context, timeoutMs } = this.#parts;
    const target = key === undefined ? context : { ...context, targetingKey: key };
    const details = await within(timeoutMs, client.getStringDetails(this.#flag, '', target));
    if (details === undefined) return { why: `no answer in ${timeoutMs} ms` };
    const { value, errorCode, errorMessage = '' } = details;
    return errorCode === undefined ? value : { why: `${errorCode}: ${errorMessage}` };
  }

  #supports(value: unknown): value is StageOf<K> {
    return isStageOf(this.kind, value) && this.ladder.includes(value);
  }

  #refuse(why: string): void {
    this.#held = { reason: 'unreadable' };
    if (this.#told.has(why) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(why);
    const fields = { edge: this.name.text, flag: this.#flag, running: this.#running.stage, why };
    this.#parts.logger.warn('the flag provider gives no stage: the last known one holds', fields);
  }
}

/** What comes in time; undefined: nothing did. */
async function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function isKnown(stored: unknown): stored is KnownStage {
  if (typeof stored !== 'object' || stored === null) return false;
  const { edge, stage } = stored as Record<string, unknown>;
  return typeof edge === 'string' && typeof stage === 'string';
}
