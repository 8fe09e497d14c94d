import {
  ServerInterceptingCall,
  status,
  type Metadata,
  type ServerInterceptor,
  type StatusObject,
} from '@grpc/grpc-js';
import {
  QUERY_LADDER,
  REACTION_LADDER,
  type EdgeKind,
  type EdgeStage,
  type StageWatch,
  type TombstoneReport,
  type TombstoneReporting,
} from '@banyan/control';
import { BanyanError, oneOf, resolveOptions, text, type OptionRules } from '@banyan/runtime';
import { CallerCounts } from './caller-counts.js';

export interface TombstoneOptions {
  /** The edges that end in the method, by name: `['tasks -> projects.GetProject', 'teams -> projects.GetProject']`. */
  edges: readonly string[];
  /** The method, from the service definition that ts-proto generates: `ProjectsServiceService.getProject`. */
  method: { path: string };
  /** The provider's stage watch. */
  stages: StageWatch;
  /** Whether the method is called for its answer (default) or for its effect. */
  kind?: EdgeKind;
  /** Metadata in which a caller says who it is; default `banyan-caller`. */
  callerHeader?: string;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const RULES: OptionRules<TombstoneOptions> = {
  edges: {
    must: 'a list of at least one edge',
    check: (value): value is readonly string[] => Array.isArray(value) && value.length > 0,
  },
  method: {
    must: 'a method of a generated service definition',
    check: (value): value is { path: string } => isObject(value) && 'path' in value,
  },
  stages: {
    must: 'a stage watch',
    check: (value): value is StageWatch => isObject(value) && 'edge' in value,
  },
  kind: oneOf(['query', 'reaction'], 'query'),
  callerHeader: text('banyan-caller'),
};

/** Stands where a method's provider stood for the callers that have retired their edge; see `Tombstone`. */
export function tombstone(options: TombstoneOptions): Tombstone {
  return new Tombstone(options);
}

/**
 * The provider's side of the stage `retired`: a call of the retired caller is refused with FAILED_PRECONDITION before its
 * handler is begun, all others pass. Calls are counted by caller at every stage, so that it shows who would be refused.
 *
 * Trap: callers say themselves who they are. One that does not is `unknown`, is counted, and passes.
 */
export class Tombstone implements TombstoneReporting {
  /** For the server's constructor: `new Server({ interceptors: [tombstone.interceptor] })`. */
  readonly interceptor: ServerInterceptor;
  readonly #options: Required<TombstoneOptions>;
  readonly #stages: ReadonlyMap<string, EdgeStage>;
  readonly #counts = new CallerCounts();

  /** @throws BANYAN_EDGE_INVALID */
  constructor(given: TombstoneOptions) {
    this.#options = resolveOptions('tombstone', RULES, given);
    const { edges, kind, stages } = this.#options;
    const declared = edges.map((edge) => stageOf(edge, kind, stages));
    this.#stages = new Map(declared.map((stage) => [stage.name.caller, stage]));
    this.interceptor = (method, call) => {
      if (method.path !== this.#options.method.path) return new ServerInterceptingCall(call);
      return new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, pass) => {
              const refusal = this.#judge(metadata);
              if (refusal === undefined) pass(metadata);
              else call.sendStatus(refusal);
            },
          }),
      });
    };
  }

  report(): TombstoneReport {
    return { method: this.#options.method.path, callers: this.#counts.report() };
  }

  #judge(metadata: Metadata): Pick<StatusObject, 'code' | 'details'> | undefined {
    const caller = String(metadata.get(this.#options.callerHeader)[0] ?? 'unknown');
    const stage = this.#stages.get(caller);
    const refused = stage?.running.stage === 'retired';
    this.#counts.count(caller, { refused });
    return refused ? refusalOf(stage) : undefined;
  }
}

/** The provider follows any stage: it runs none of them. */
function stageOf(edge: string, kind: EdgeKind, stages: StageWatch): EdgeStage {
  if (kind === 'reaction') return stages.edge({ edge, kind, stages: REACTION_LADDER });
  return stages.edge({ edge, kind, stages: QUERY_LADDER });
}

function refusalOf({ name, running }: EdgeStage): Pick<StatusObject, 'code' | 'details'> {
  const { message, remedy } = new BanyanError(
    'BANYAN_EDGE_RETIRED',
    `${name.text} is retired since ${running.since}, and ${name.caller} has called all the same`,
  );
  return { code: status.FAILED_PRECONDITION, details: `${message}. ${remedy}` };
}
