import { ServerProviderEvents, type Client, type EvaluationContext } from '@openfeature/server-sdk';
import {
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import { connectionRule, loggerRule, type Connection } from '../connection.js';
import type { EdgeName } from '../edge-name.js';
import type { EdgeDeclaration, QueryDeclaration } from '../edge-stage.js';
import { RecordFile } from '../record-file.js';
import type { StageSource } from '../stage-source.js';
import type { EdgeKind } from '../stage.js';
import { KNOWN_FORM, ProviderStage, type KnownStage } from './provider-stage.js';

export interface OpenFeatureStagesOptions {
  /** Folder of this process alone, for the last known stage of each edge. It must survive restarts. */
  stateDir: string;
  /** The process's connection, for counterexamples that operators may see; default: they stay in the process. */
  connection?: Connection;
  /** The flag that holds an edge's stage; default one of the edge's name, `tasks -> projects.GetProject`. */
  flagOf?: (edge: EdgeName) => string;
  /** What every evaluation is told besides the targetingKey; default nothing. */
  context?: EvaluationContext;
  /** How long one evaluation may take, in ms; default 100. After it the last known stage holds for the call. */
  timeoutMs?: number;
  /**
   * How often, in ms, the stage of requests without a key is asked for, besides whenever the provider tells of a change;
   * default 1000. It is the stage that is reported, that reactions run, and that is kept on disk.
   */
  refreshEveryMs?: number;
  /** Where values that are no stages are told of; default nowhere. */
  logger?: Logger;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const RULES: OptionRules<Omit<OpenFeatureStagesOptions, 'connection'>> = {
  stateDir: text(),
  flagOf: {
    fallback: ({ text: name }) => name,
    must: 'a function',
    check: (value): value is (edge: EdgeName) => string => typeof value === 'function',
  },
  context: {
    fallback: {},
    must: 'an evaluation context',
    check: (value): value is EvaluationContext => isObject(value),
  },
  timeoutMs: wholeNumber(1, 60_000, 100),
  refreshEveryMs: wholeNumber(50, 600_000, 1_000),
  logger: loggerRule(silentLogger),
};

/** What is needed of a client of OpenFeature. */
export type StageClient = Pick<Client, 'getStringDetails' | 'addHandler' | 'removeHandler'>;

/**
 * Lets edges take their stages from whichever provider an OpenFeature client has: give it to an edge as `stages`. Start and
 * stop it with the process. No gate, no audit and no `banyan advance` stands before such a flag: see docs/flags.md.
 */
export function fromOpenFeature(client: StageClient, options: OpenFeatureStagesOptions): OpenFeatureStages {
  return new OpenFeatureStages(client, options);
}

const EVENTS = [
  ServerProviderEvents.Ready,
  ServerProviderEvents.Stale,
  ServerProviderEvents.ConfigurationChanged,
] as const;

/** The stages of a process's edges, as an OpenFeature client tells them. See `fromOpenFeature`. */
export class OpenFeatureStages implements StageSource {
  readonly connection?: Connection;
  readonly #client: StageClient;
  readonly #options: Required<Omit<OpenFeatureStagesOptions, 'connection'>>;
  readonly #file: RecordFile<KnownStage>;
  readonly #queries = new Map<string, ProviderStage<'query'>>();
  readonly #reactions = new Map<string, ProviderStage<'reaction'>>();
  readonly #heed = (): void => this.#refresh();
  #timer: NodeJS.Timeout | undefined;

  constructor(client: StageClient, { connection, ...given }: OpenFeatureStagesOptions) {
    this.#options = resolveOptions('OpenFeature stages', RULES, given);
    if (connection !== undefined && connectionRule.check(connection)) this.connection = connection;
    this.#client = client;
    this.#file = new RecordFile(this.#options.stateDir, KNOWN_FORM, this.#options.logger);
  }

  /** Declares an edge; it stands at its last known stage until the provider has answered. Again gives the same. */
  edge(declaration: QueryDeclaration): ProviderStage<'query'>;
  edge(declaration: EdgeDeclaration<'reaction'>): ProviderStage<'reaction'>;
  edge(
    declaration: QueryDeclaration | EdgeDeclaration<'reaction'>,
  ): ProviderStage<'query'> | ProviderStage<'reaction'> {
    return declaration.kind === 'reaction'
      ? this.#declare(this.#reactions, declaration)
      : this.#declare(this.#queries, { ...declaration, kind: 'query' });
  }

  start(): void {
    if (this.#timer !== undefined) return;
    for (const event of EVENTS) this.#client.addHandler(event, this.#heed);
    this.#timer = setInterval(this.#heed, this.#options.refreshEveryMs).unref();
    this.#refresh();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const event of EVENTS) this.#client.removeHandler(event, this.#heed);
    await this.#file.settled();
  }

  #declare<K extends EdgeKind>(
    known: Map<string, ProviderStage<K>>,
    declaration: EdgeDeclaration<K>,
  ): ProviderStage<K> {
    const parts = { ...this.#options, client: this.#client, file: this.#file };
    const fresh = new ProviderStage(declaration, parts);
    const stage = known.get(fresh.name.key) ?? fresh;
    known.set(fresh.name.key, stage);
    if (stage === fresh && this.#timer !== undefined) void fresh.refresh();
    return stage;
  }

  #refresh(): void {
    for (const stage of [...this.#queries.values(), ...this.#reactions.values()]) void stage.refresh();
  }
}
