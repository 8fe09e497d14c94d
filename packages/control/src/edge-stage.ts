import { parseEdge, type EdgeName } from './edge-name.js';
import { inShare, type Ramp } from './ramp.js';
import { rampOf, type StageRecord } from './stage-record.js';
import {
  isStageOf,
  ladderOf,
  stageBelow,
  type EdgeKind,
  type Ladder,
  type Stage,
  type StageOf,
} from './stage.js';

/** The stage that a process runs an edge at, and where it has it from. */
export interface RunningStage<S extends Stage = Stage> {
  readonly stage: S;
  /** Set while only a share of the keys runs `stage`. */
  readonly ramp?: Ramp<S>;
  /** 0 while no change was ever seen. */
  readonly change: number;
  readonly changeId: string;
  /** When the change was made (ISO 8601); empty before the first. */
  readonly since: string;
  /**
   * `floor`: nothing known · `file`: last known stage, nothing heard yet · `store`: as the bucket has it · `provider`: as
   * another flag provider has it · `guard`: a stage below what the change says, see `GuardTrip`.
   */
  readonly origin: 'floor' | 'file' | 'store' | 'provider' | 'guard';
}

/** What took an edge of this process back by itself. It holds until a change newer than the one in force. */
export interface GuardTrip<S extends Stage = Stage> {
  from: S;
  to: S;
  cause: string;
  /** ISO 8601. */
  at: string;
}

/** A record that the bucket holds and this process does not follow, and why. */
export interface HeldRecord {
  /** `older`: the broker has lost a later change · `unsupported`: no such stage here · `unreadable`: not understood. */
  reason: 'older' | 'unsupported' | 'unreadable';
  change?: number;
  changeId?: string;
  stage?: Stage;
  share?: number;
}

export interface EdgeDeclaration<K extends EdgeKind = EdgeKind> {
  /** For example `tasks -> projects.GetProject`. */
  edge: string;
  kind: K;
  /** The stages that this process can run the edge at. The lowest is its floor, the highest its ceiling. */
  stages: readonly StageOf<K>[];
  /** What the process ramps it by, e.g. `project`; see `RampKey`. Default: its requests have no key. */
  rampBy?: string;
}

/** A query edge need not say so. */
export type QueryDeclaration = Omit<EdgeDeclaration<'query'>, 'kind'> & { kind?: 'query' };

export type StageListener<S extends Stage = Stage> = (now: RunningStage<S>, before: RunningStage<S>) => void;

/**
 * The stage of one edge in this process. States: at the floor → at the last known change → at each later change. It never
 * goes to an earlier change, whatever the broker says.
 */
export class EdgeStage<K extends EdgeKind = EdgeKind> {
  readonly name: EdgeName;
  readonly kind: K;
  readonly ladder: Ladder<StageOf<K>>;
  /** What the process ramps it by; set by whichever declaration says so first. */
  rampBy: string | undefined;
  #running: RunningStage<StageOf<K>>;
  #record: StageRecord | undefined;
  #held: HeldRecord | undefined;
  #trip: GuardTrip<StageOf<K>> | undefined;
  #persistedId = '';
  #before: RunningStage<StageOf<K>>;
  readonly #listeners = new Set<() => void>();

  /** @param lastKnownOf looks the edge's last known record up by its canonical text */
  constructor(declaration: EdgeDeclaration<K>, lastKnownOf: (edge: string) => StageRecord | undefined) {
    this.name = parseEdge(declaration.edge);
    this.kind = declaration.kind;
    this.ladder = ladderOf(declaration.stages, declaration.kind);
    this.rampBy = declaration.rampBy;
    this.#running = { stage: this.ladder[0], change: 0, changeId: '', since: '', origin: 'floor' };
    this.#before = this.#running;
    const lastKnown = lastKnownOf(this.name.text);
    if (lastKnown === undefined || !this.#supports(lastKnown)) return;
    this.#record = lastKnown;
    this.#running = runningOf(lastKnown, 'file');
    this.#persistedId = lastKnown.changeId;
  }

  /** What to obey now. Read it once a call. */
  get running(): RunningStage<StageOf<K>> {
    return this.#running;
  }

  /** The record behind the running stage, if there is one. */
  get record(): StageRecord | undefined {
    return this.#record;
  }

  get held(): HeldRecord | undefined {
    return this.#held;
  }

  get trip(): GuardTrip<StageOf<K>> | undefined {
    return this.#trip;
  }

  /**
   * Runs one stage lower from the next call on, or during a ramp its lower stage for all keys; in this process only. Undefined,
   * and nothing changes, if it has tripped under this change already or stands at its floor.
   */
  tripBack(cause: string): GuardTrip<StageOf<K>> | undefined {
    const { stage: from, ramp, change, changeId, since } = this.#running;
    const to = ramp?.from ?? stageBelow(this.ladder, from);
    if (to === undefined || this.#trip !== undefined) return undefined;
    this.#trip = { from, to, cause, at: new Date().toISOString() };
    this.#before = this.#running;
    this.#running = { stage: to, change, changeId, since, origin: 'guard' };
    for (const tell of this.#listeners) tell();
    return this.#trip;
  }

  /** Whether the running change would survive a restart without the broker. */
  get persisted(): boolean {
    return this.#persistedId === this.#running.changeId;
  }

  onChange(listener: StageListener<StageOf<K>>): () => void {
    const tell = (): void => listener(this.#running, this.#before);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Obeys a record from the bucket, or says why not. `undefined` stands for one that cannot be read. */
  consider(record: StageRecord | undefined): 'applied' | 'same' | HeldRecord['reason'] {
    const verdict = this.#judge(record);
    if (verdict === 'applied' || verdict === 'same') {
      this.#held = undefined;
      if (record !== undefined && this.#supports(record)) this.#follow(record);
    } else {
      this.#held = { reason: verdict, ...(record === undefined ? {} : summaryOf(record)) };
    }
    return verdict;
  }

  markPersisted(record: StageRecord): void {
    if (record.changeId === this.#running.changeId) this.#persistedId = record.changeId;
  }

  #judge(record: StageRecord | undefined): 'applied' | 'same' | HeldRecord['reason'] {
    if (record === undefined) return 'unreadable';
    if (!this.#supports(record)) return 'unsupported';
    const { change, changeId, since } = this.#running;
    if (record.changeId === changeId) return 'same';
    // Two changes of one number: the broker lost one of them. The later decision holds, in every process alike.
    const later = record.change > change || (record.change === change && record.at > since);
    return later ? 'applied' : 'older';
  }

  /** Both kinds have stages of one name, so the kind counts too. During a ramp a process runs two stages. */
  #supports(record: StageRecord): record is RecordOf<StageOf<K>> {
    const { kind, stage, from, share } = record;
    if (kind !== this.kind || !isStageOf(this.kind, stage) || !isStageOf(this.kind, from)) return false;
    if (!this.ladder.includes(stage)) return false;
    return share === undefined || (kind === 'query' && this.ladder.includes(from));
  }

  #follow(record: RecordOf<StageOf<K>>): void {
    if (this.#trip !== undefined && this.#running.changeId === record.changeId) return;
    this.#trip = undefined;
    this.#before = this.#running;
    this.#record = record;
    this.#running = runningOf(record, 'store');
    if (this.#before.changeId === record.changeId) return;
    for (const tell of this.#listeners) tell();
  }
}

type RecordOf<S extends Stage> = StageRecord & { stage: S; from: S };

/** What a ramp goes by: requests of one key run one stage. */
export interface RampKey {
  /** What the key identifies, e.g. `project`. Edges that name the same group move the same keys at the same share. */
  by: string;
  /** undefined: the request has no key, and is the last to move. */
  key: string | undefined;
}

/** The stage that a request runs at. */
export function stageFor<S extends Stage>({ stage, ramp }: RunningStage<S>, { by, key }: RampKey): S {
  if (ramp === undefined) return stage;
  return key !== undefined && inShare(ramp.share, by, key) ? stage : ramp.from;
}

function runningOf<S extends Stage>(record: RecordOf<S>, origin: RunningStage['origin']): RunningStage<S> {
  const { stage, change, changeId, at } = record;
  const ramp = rampOf<S>(record);
  return { stage, ...(ramp === undefined ? {} : { ramp }), change, changeId, since: at, origin };
}

function summaryOf({ change, changeId, stage, share }: StageRecord): Omit<HeldRecord, 'reason'> {
  return { change, changeId, stage, ...(share === undefined ? {} : { share }) };
}
