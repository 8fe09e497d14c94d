import type { Connection } from './connection.js';
import type { EdgeDeclaration, EdgeStage, QueryDeclaration, RunningStage } from './edge-stage.js';
import type { EdgeKind, StageOf } from './stage.js';

/** Where the edges of a process have their stages from: its `StageWatch`, or `fromOpenFeature`. */
export interface StageSource {
  edge: ((declaration: QueryDeclaration) => SourcedStage<'query'>) &
    ((declaration: EdgeDeclaration<'reaction'>) => SourcedStage<'reaction'>);
  /** The process's connection; without it an edge's counterexamples stay in the process. */
  readonly connection?: Connection;
}

/** What an edge needs to know of its stage. */
export type SourcedStage<K extends EdgeKind = EdgeKind> = Pick<
  EdgeStage<K>,
  'name' | 'kind' | 'ladder' | 'running' | 'record' | 'held' | 'persisted' | 'onChange'
> &
  /** Not there: somebody else decides on the stage, and no guard here can. */
  Partial<Pick<EdgeStage<K>, 'trip' | 'tripBack'>> & {
    /** There if each call has to be asked for: the stage of a request with this key. Never rejects. */
    readonly runningFor?: (key: string | undefined) => Promise<RunningStage<StageOf<K>>>;
  };
