import type { GetProjectRequest, GetProjectResponse } from '@banyan/contracts/projects';
import type { Freshness } from '@banyan/subscriber';
import type { EdgeReplica, ReadContext } from '../query/replica.js';

/** A replica in memory whose age and speed a test decides. */
export class MemoryReplica implements EdgeReplica<GetProjectRequest, GetProjectResponse> {
  readonly rows = new Map<string, GetProjectResponse>();
  /** Age in ms; undefined: never started. */
  ageMs: number | undefined = 0;
  /** What happens before a row is given. */
  before: (context: ReadContext) => Promise<void> = () => Promise.resolve();
  reads = 0;
  /** Ids of which nothing is known. */
  readonly parked = new Set<string>();

  put(response: GetProjectResponse): void {
    this.rows.set(response.project?.id ?? '', response);
  }

  async read({ id }: GetProjectRequest, context: ReadContext): Promise<GetProjectResponse | undefined> {
    this.reads += 1;
    await this.before(context);
    return structuredClone(this.rows.get(id));
  }

  freshness(request?: GetProjectRequest): Freshness {
    const isParked = request !== undefined && this.parked.has(request.id);
    return { asOfMs: this.ageMs === undefined || isParked ? undefined : Date.now() - this.ageMs };
  }
}
