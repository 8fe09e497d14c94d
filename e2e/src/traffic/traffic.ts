import { setMaxListeners } from 'node:events';
import { status } from '@grpc/grpc-js';
import { isServiceError, unary } from '@banyan/service-host';
import { wait } from '@banyan/runtime';
import type { Clients } from './clients.js';
import { Random } from './random.js';
import { World } from './world.js';

export interface TrafficCounts {
  ok: number;
  /** Refused for a reason of the business: an archived project, somebody else was faster. */
  refused: number;
  /** Needed a provider that was cut off on purpose at that moment. */
  rehearsed: number;
  /** Failed for any other reason: there should be none. */
  failed: number;
}

export interface TrafficOptions {
  clients: Clients;
  /** Users at work at the same time. */
  users: number;
  /** Each user's pause between two operations, in ms, on average. */
  pauseMs: number;
  seed: number;
}

type Operation =
  | 'create task'
  | 'complete task'
  | 'read project'
  | 'list tasks'
  | 'show team'
  | 'show project'
  | 'rename project'
  | 'create project'
  | 'archive project'
  | 'join team'
  | 'leave team';

const MIX: readonly (readonly [weight: number, operation: Operation])[] = [
  [50, 'create task'],
  [10, 'complete task'],
  [14, 'read project'],
  [8, 'list tasks'],
  [8, 'show team'],
  [16, 'show project'],
  [12, 'rename project'],
  [5, 'create project'],
  [3, 'archive project'],
  [4, 'join team'],
  [3, 'leave team'],
];

/**
 * How long before a project is archived or somebody leaves nobody makes plans with them any more, in ms. Whoever checks
 * first and writes later can be overtaken, by calls as by events; that is not what is to be shown here.
 */
const FAREWELL_MS = 2000;

const BUSINESS: readonly status[] = [status.FAILED_PRECONDITION, status.ABORTED, status.INVALID_ARGUMENT];

function kindOf(error: unknown): 'refused' | 'rehearsed' | 'failed' {
  if (!isServiceError(error)) return 'failed';
  if (BUSINESS.includes(error.code)) return 'refused';
  return error.message.includes('rehearses') ? 'rehearsed' : 'failed';
}

/** People at work on teams, projects and tasks: a few projects are used a lot, most hardly ever. */
export class Traffic {
  readonly world: World;
  readonly counts: TrafficCounts = { ok: 0, refused: 0, rehearsed: 0, failed: 0 };
  /** Distinct messages of failed calls, the first few. */
  readonly failures: string[] = [];
  readonly #options: TrafficOptions;
  readonly #random: Random;
  readonly #abort = new AbortController();
  #users: Promise<void>[] = [];
  #serial = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.world = new World(options.clients, this.#random);
    // One for each user who pauses.
    setMaxListeners(options.users + 1, this.#abort.signal);
  }

  start(): void {
    this.#users = Array.from({ length: this.#options.users }, () => this.#work());
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#users);
  }

  async #work(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      await this.#once(this.#random.pick(MIX));
      await wait(this.#options.pauseMs * 2 * this.#random.next(), this.#abort.signal);
    }
  }

  async #once(operation: Operation): Promise<void> {
    try {
      await this.#perform(operation);
      this.counts.ok += 1;
    } catch (error) {
      const kind = kindOf(error);
      this.counts[kind] += 1;
      if (kind === 'failed') this.#noteFailure(operation, error);
    }
  }

  #noteFailure(operation: Operation, error: unknown): void {
    const text = `${operation}: ${error instanceof Error ? error.message : String(error)}`;
    if (this.failures.length < 5 && !this.failures.includes(text)) this.failures.push(text);
  }

  #perform(operation: Operation): Promise<unknown> {
    const { teams, projects, tasks } = this.#options.clients;
    const project = this.world.project();
    this.#serial += 1;
    switch (operation) {
      case 'create task':
        return this.#createTask(project.id, project.teamId);
      case 'complete task':
        return this.#completeTask();
      case 'read project':
        return unary(projects.getProject.bind(projects), { id: project.id });
      case 'list tasks':
        return unary(tasks.listTasks.bind(tasks), {
          projectId: project.id,
          assigneeId: '',
          pageSize: 20,
          pageToken: '',
        });
      case 'show team':
        return unary(teams.getTeamPage.bind(teams), { id: project.teamId });
      case 'show project':
        return unary(projects.getProjectPage.bind(projects), { id: project.id });
      case 'rename project':
        return unary(projects.renameProject.bind(projects), {
          id: project.id,
          name: `Project ${this.#serial}`,
          expectedVersion: 0,
        });
      case 'create project':
        return this.world.addProject(`Project ${this.#serial}`);
      case 'archive project':
        return this.#archiveProject();
      case 'join team':
        return this.world.addMember(project.teamId, `guest-${this.#serial}`);
      case 'leave team':
        return this.#leaveTeam(project.teamId);
    }
  }

  async #createTask(projectId: string, teamId: string): Promise<void> {
    const { tasks } = this.#options.clients;
    const assigneeId = this.#random.next() < 0.5 ? this.world.member(teamId) : '';
    const name = `Task ${this.#serial}`;
    const { task } = await unary(tasks.createTask.bind(tasks), { projectId, name, assigneeId });
    if (task !== undefined) this.world.addTask(task.id);
  }

  async #archiveProject(): Promise<void> {
    const { projects } = this.#options.clients;
    const project = this.world.recentProject();
    this.world.forgetProject(project);
    await wait(FAREWELL_MS);
    await unary(projects.archiveProject.bind(projects), { id: project.id, expectedVersion: 0 });
  }

  async #leaveTeam(teamId: string): Promise<void> {
    const { teams } = this.#options.clients;
    const memberId = this.world.forgetGuest(teamId);
    if (memberId === undefined) return;
    await wait(FAREWELL_MS);
    await unary(teams.removeMember.bind(teams), { teamId, memberId, expectedVersion: 0 });
  }

  async #completeTask(): Promise<void> {
    const { tasks } = this.#options.clients;
    const id = this.world.task();
    if (id !== undefined) await unary(tasks.completeTask.bind(tasks), { id, expectedVersion: 0 });
  }
}
