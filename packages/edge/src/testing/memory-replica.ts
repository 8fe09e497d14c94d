import type { GetProjectRequest, GetProjectResponse } from '@banyan/contracts/projects';
import type { Freshness, TokenWait } from '@banyan/subscriber';
import { wait } from '@banyan/runtime';
import type { EdgeReplica, ReadContext } from '../query/replica.js';

/** A replica in memory whose age and speed a test decides. */
export class MemoryReplica implements EdgeReplica<GetProjectRequest, GetProjectResponse> {
  readonly rows = new Map<string, GetProjectResponse>();
  /** Age in ms; undefined: never started. */
  ageMs: number | undefined = 0;
  epoch: number | undefined;
  /** False: every request may show anything, as a list may. */
  keyed = true;
  /** Tokens that are reached though no answer shows it. */
  readonly reached = new Set<string>();
  /** What happens before a row is given. */
  before: (context: ReadContext) => Promise<void> = () => Promise.resolve();
  /** Ids at which reading fails. */
  readonly failing = new Set<string>();
  reads = 0;
  /** Ids of which nothing is known. */
  readonly parked = new Set<string>();

  put(response: GetProjectResponse): void {
    this.rows.set(response.project?.id ?? '', response);
  }

  async read({ id }: GetProjectRequest, context: ReadContext): Promise<GetProjectResponse | undefined> {
    this.reads += 1;
    await this.before(context);
    if (this.failing.has(id)) throw new Error(`${id} cannot be read`);
    return structuredClone(this.rows.get(id));
  }

  freshness(request?: GetProjectRequest): Freshness {
    const isParked = request !== undefined && this.parked.has(request.id);
    const asOfMs = this.ageMs === undefined || isParked ? undefined : Date.now() - this.ageMs;
    return { asOfMs, epoch: this.epoch };
  }

  keyOf({ id }: GetProjectRequest): string | undefined {
    return this.keyed ? `project/${id}` : undefined;
  }

  async reaches(token: string, { timeoutMs }: { timeoutMs: number }): Promise<TokenWait> {
    const [key = '', version] = token.replace('projects/project/', '').split('@');
    const isReached = (): boolean =>
      this.reached.has(token) || (this.rows.get(key)?.project?.version ?? 0) >= Number(version);
    const untilMs = performance.now() + timeoutMs;
    while (!isReached() && performance.now() < untilMs) await wait(1);
    return isReached() ? { reached: true } : { reached: false, because: 'timeout' };
  }
}
