import {
  Metadata,
  status as Code,
  type sendUnaryData,
  type ServerUnaryCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { messageOf, type Logger } from '@banyan/runtime';
import { CALLER_HEADER, CallTime, type CallContext } from './call-context.js';
import { statusOf, type FailedStatus } from './status.js';
import type { UnaryService } from './unary-service.js';

type Call = ServerUnaryCall<unknown, unknown>;
type Work = (request: unknown, context: CallContext) => Promise<unknown>;

export interface CallRunnerOptions {
  /** The service's short name, e.g. `teams`. */
  service: string;
  /** Time for a call that brings no deadline, in ms. */
  defaultDeadlineMs: number;
  logger: Logger;
}

/**
 * Runs handlers: gives each call its context and its time, answers when the handler is done or the time is over,
 * whichever comes first, and counts the work under way. Work that outlives its call is asked to stop by the context's
 * signal, and still counts until it has.
 */
export class CallRunner {
  readonly #options: CallRunnerOptions;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: CallRunnerOptions) {
    this.#options = options;
  }

  /** What grpc-js wants to be given for a service. */
  implementation({ definition, handlers }: UnaryService): UntypedServiceImplementation {
    const methods = Object.keys(definition).map((name) => {
      const work: Work = (request, context) =>
        handlers[name]?.(request, context) ?? Promise.reject(new Error(`${name} has no handler`));
      return [
        name,
        (call: Call, callback: sendUnaryData<unknown>) => void this.#serve(call, work, callback),
      ] as const;
    });
    return Object.fromEntries(methods);
  }

  /** Resolves when no work is under way. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
  }

  async #serve(call: Call, work: Work, callback: sendUnaryData<unknown>): Promise<void> {
    const startedMs = performance.now();
    const time = new CallTime(call, this.#options.defaultDeadlineMs);
    const context = contextOf(call, time);
    let code = Code.OK;
    try {
      const answer = await Promise.race([this.#track(work(call.request, context)), time.over()]);
      callback(null, answer, context.trailers);
    } catch (error) {
      const failed = this.#failed(error, call);
      failed.metadata.merge(context.trailers);
      code = failed.code;
      callback(failed);
    } finally {
      time.close();
    }
    this.#logAccess({ method: call.getPath(), caller: context.caller, code: Code[code] }, startedMs);
  }

  async #track(work: Promise<unknown>): Promise<unknown> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  #failed(error: unknown, call: Call): FailedStatus {
    const failed = statusOf(error, this.#options.service);
    if (failed.errorId !== undefined) {
      const { errorId } = failed;
      this.#options.logger.error('call failed unexpectedly', { errorId, method: call.getPath(), error });
    } else if (failed.code === Code.UNAVAILABLE) {
      this.#options.logger.warn('call could not be served', {
        method: call.getPath(),
        cause: messageOf(error),
      });
    }
    return failed;
  }

  #logAccess(fields: { method: string; caller: string; code: string | undefined }, startedMs: number): void {
    this.#options.logger.debug('call', {
      ...fields,
      ms: Math.round((performance.now() - startedMs) * 10) / 10,
    });
  }
}

function contextOf(call: Call, time: CallTime): CallContext {
  const [caller] = call.metadata.get(CALLER_HEADER);
  return {
    call,
    caller: typeof caller === 'string' && caller !== '' ? caller : 'unknown',
    deadlineMs: time.deadlineMs,
    signal: time.signal,
    metadata: call.metadata,
    trailers: new Metadata(),
  };
}
