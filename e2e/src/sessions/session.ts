import { status as Code } from '@grpc/grpc-js';
import type { Project, ProjectsServiceClient } from '@banyan/contracts/projects';
import { TokenScope } from '@banyan/runtime';
import { isServiceError, unary } from '@banyan/service-host';
import type { Random } from '../traffic/random.js';
import type { Operation } from './history.js';
import { DELETED } from './provider.js';

const KEYS = 12;
const DEADLINE_MS = 1000;

export interface SessionParts {
  number: number;
  random: Random;
  /** The ways to the data, by name. */
  ways: ReadonlyMap<string, ProjectsServiceClient>;
  /** Whether it keeps what it sees. */
  withTokens: boolean;
  record: (operation: Operation) => void;
}

type Shown = Operation['shown'];

/** One client that does one thing after the other, each on a way of its own choice, and records what it was shown. */
export class Session {
  readonly #parts: SessionParts;
  readonly #scope = new TokenScope();
  /** Operations that ended with an error: they show nothing. */
  failed = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  async run(operations: number): Promise<void> {
    for (let i = 0; i < operations; i++) await this.#operate(i);
  }

  async #operate(i: number): Promise<void> {
    const { random, ways, number, record } = this.#parts;
    const does = random.pick<Operation['does']>([
      [3, 'write'],
      [5, 'read'],
      [2, 'list'],
    ]);
    const [via, client] = random.pick([...ways].map((way) => [1, way] as const));
    const key = `p${random.zipf(KEYS)}`;
    const name = random.below(10) === 0 ? DELETED : `${number}-${i}`;
    const startMs = Date.now();
    const shown = await this.#shown(() => this.#call(does, { client, key, name }));
    if (shown === undefined) this.failed += 1;
    else record({ session: number, does, via, startMs, endMs: Date.now(), shown });
  }

  async #shown(call: () => Promise<Shown>): Promise<Shown | undefined> {
    try {
      return await (this.#parts.withTokens ? this.#scope.run(call) : call());
    } catch (error) {
      if (isServiceError(error)) return undefined;
      throw error;
    }
  }

  async #call(
    does: Operation['does'],
    { client, key: id, name }: { client: ProjectsServiceClient; key: string; name: string },
  ): Promise<Shown> {
    const origin = { deadlineMs: Date.now() + DEADLINE_MS };
    if (does === 'list') {
      const asked = { teamId: '', pageSize: 0, pageToken: '' };
      return shownOf((await unary(client.listProjects.bind(client), asked, origin)).projects);
    }
    if (does === 'read') return this.#read(client, id, origin);
    const asked = { id, name, expectedVersion: 0 };
    const { project } = await unary(client.renameProject.bind(client), asked, origin);
    return shownOf([project]);
  }

  async #read(client: ProjectsServiceClient, id: string, origin: { deadlineMs: number }): Promise<Shown> {
    try {
      const { project } = await unary(client.getProject.bind(client), { id }, origin);
      return shownOf([project]);
    } catch (error) {
      if (isServiceError(error) && error.code === Code.NOT_FOUND) return new Map([[id, null]]);
      throw error;
    }
  }
}

function shownOf(projects: readonly (Project | undefined)[]): Shown {
  return new Map(
    projects.flatMap((project) => (project === undefined ? [] : [[project.id, project.version] as const])),
  );
}
