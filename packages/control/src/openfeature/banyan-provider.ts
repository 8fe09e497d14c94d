import {
  ErrorCode,
  OpenFeatureEventEmitter,
  ServerProviderEvents,
  type EvaluationContext,
  type JsonValue,
  type Provider,
  type ResolutionDetails,
} from '@openfeature/server-sdk';
import { resolveOptions, wholeNumber, type OptionRules } from '@banyan/runtime';
import { StageWatch } from '../stage-watch.js';
import { flagAnswer, type Answer } from './flag-answer.js';

export interface BanyanProviderOptions {
  /** The process's stage watch. The provider neither starts nor stops it. */
  stages: StageWatch;
  /**
   * How long the SDK waits at most, in ms, until all flags are as the bucket has them; default 2000. After it, or without a
   * broker, the provider is STALE: it serves what this process knew last.
   */
  readyTimeoutMs?: number;
}

const RULES: OptionRules<BanyanProviderOptions> = {
  stages: { must: 'a stage watch', check: (value): value is StageWatch => value instanceof StageWatch },
  readyTimeoutMs: wholeNumber(0, 600_000, 2_000),
};

/**
 * An OpenFeature provider over the bucket of stages and flags. An edge that the process has declared is a string flag of
 * its name (`tasks -> projects.GetProject`), its value the stage that the process runs; all others are flags as
 * `banyan flag set` makes them. Evaluating reads memory, and never throws.
 */
export function banyanProvider(options: BanyanProviderOptions): BanyanProvider {
  return new BanyanProvider(options);
}

/** States: not ready → READY, while the bucket is followed ⇄ STALE, on last known values → closed. See `banyanProvider`. */
export class BanyanProvider implements Provider {
  readonly metadata = { name: 'banyan' };
  readonly runsOn = 'server';
  readonly events = new OpenFeatureEventEmitter();
  readonly #stages: StageWatch;
  readonly #readyTimeoutMs: number;
  #stopListening: (() => void)[] = [];

  constructor(options: BanyanProviderOptions) {
    const { stages, readyTimeoutMs } = resolveOptions('banyan provider', RULES, options);
    this.#stages = stages;
    this.#readyTimeoutMs = readyTimeoutMs;
  }

  /** The SDK calls it. Never rejects: last known values are worth serving. */
  async initialize(): Promise<void> {
    const { flags } = this.#stages;
    this.#stopListening.push(
      this.#stages.onChange(({ name }) => this.#tellChanged(name.text)),
      flags.onChange((flag) => this.#tellChanged(flag)),
    );
    await this.#untilFollowing();
    // The SDK says READY when this has returned, whatever was said before.
    setImmediate(() => this.#tellState());
  }

  /** The SDK calls it. */
  onClose(): Promise<void> {
    for (const stop of this.#stopListening.splice(0)) stop();
    return Promise.resolve();
  }

  resolveStringEvaluation(
    flag: string,
    fallback: string,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<string>> {
    const isText = (value: unknown): value is string => typeof value === 'string';
    return this.#resolve(flag, { fallback, context, isOfType: isText });
  }

  resolveBooleanEvaluation(
    flag: string,
    fallback: boolean,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<boolean>> {
    const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
    return this.#resolve(flag, { fallback, context, isOfType: isBoolean });
  }

  /** No flag of Banyan has a number. */
  resolveNumberEvaluation(
    flag: string,
    fallback: number,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<number>> {
    return this.#resolve(flag, { fallback, context, isOfType: isNone });
  }

  /** No flag of Banyan has an object. */
  resolveObjectEvaluation<T extends JsonValue>(
    flag: string,
    fallback: T,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<T>> {
    return this.#resolve(flag, { fallback, context, isOfType: isNone });
  }

  #resolve<T>(flag: string, { fallback, context, isOfType }: Question<T>): Promise<ResolutionDetails<T>> {
    const answer = flagAnswer(this.#stages, flag, context);
    return Promise.resolve(detailsOf(answer, { fallback, isOfType }));
  }

  async #untilFollowing(): Promise<void> {
    if (this.#stages.following) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        stop();
        resolve();
      };
      const timer = setTimeout(done, this.#readyTimeoutMs);
      const stop = this.#stages.onFollowing(done);
    });
  }

  #tellState(): void {
    const tell = (following: boolean): void => {
      if (following) this.events.emit(ServerProviderEvents.Ready);
      else
        this.events.emit(ServerProviderEvents.Stale, {
          message: 'the stage bucket is out of reach: last known values are served',
        });
    };
    this.#stopListening.push(this.#stages.onFollowing(tell));
    if (!this.#stages.following) tell(false);
  }

  #tellChanged(flag: string): void {
    this.events.emit(ServerProviderEvents.ConfigurationChanged, { flagsChanged: [flag] });
  }
}

interface Question<T> {
  fallback: T;
  context: EvaluationContext;
  isOfType: (value: unknown) => value is T;
}

function isNone(_value: unknown): _value is never {
  return false;
}

function detailsOf<T>(
  answer: Answer,
  { fallback, isOfType }: Omit<Question<T>, 'context'>,
): ResolutionDetails<T> {
  if ('errorCode' in answer) return { value: fallback, reason: 'ERROR', ...answer };
  const { value, ...details } = answer;
  if (isOfType(value)) return { value, variant: String(value), ...details };
  const errorMessage = `it is a ${typeof value} flag`;
  return { value: fallback, reason: 'ERROR', errorCode: ErrorCode.TYPE_MISMATCH, errorMessage };
}
