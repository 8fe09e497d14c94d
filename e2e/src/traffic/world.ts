import { unary } from '@banyan/service-host';
import type { Clients } from './clients.js';
import type { Random } from './random.js';

export interface KnownProject {
  id: string;
  teamId: string;
  /** When it was created, ms since 1970: nobody plans tasks in a project in its first moments. */
  createdMs: number;
}

interface KnownMember {
  id: string;
  createdMs: number;
}

/** So many of the first projects are on their teams' pages. */
const SHOWN = 12;

/** How old a project must be before somebody creates a task in it, and a member before getting one, in ms. */
const SETTLED_AFTER_MS = 2000;

/** Who is in each team from its beginning, and stays. */
const STAFF = ['ada', 'grace', 'edsger', 'barbara', 'tony'];

/** What the traffic knows of: teams with their members, projects and tasks that it created. */
export class World {
  readonly #clients: Clients;
  readonly #random: Random;
  readonly #members = new Map<string, KnownMember[]>();
  readonly #projects: KnownProject[] = [];
  readonly #tasks: string[] = [];

  constructor(clients: Clients, random: Random) {
    this.#clients = clients;
    this.#random = random;
  }

  /** Makes the teams, members and projects that everything else needs. */
  async seed(teams: number, projects: number): Promise<void> {
    for (let i = 0; i < teams; i++) await this.#addTeam(`Team ${i + 1}`);
    for (let i = 0; i < projects; i++) await this.addProject(`Project ${i + 1}`);
    const known = [...this.#projects, ...[...this.#members.values()].flat()];
    for (const each of known) each.createdMs -= SETTLED_AFTER_MS;
    for (const project of this.#projects.slice(0, SHOWN)) await this.#attach(project);
  }

  async addProject(name: string): Promise<void> {
    const teamIds = [...this.#members.keys()];
    const teamId = teamIds[this.#random.below(teamIds.length)] ?? '';
    const client = this.#clients.projects;
    const { project } = await unary(client.createProject.bind(client), { teamId, name });
    if (project !== undefined) this.#projects.push({ id: project.id, teamId, createdMs: Date.now() });
  }

  addTask(id: string): void {
    this.#tasks.push(id);
  }

  forgetProject(project: KnownProject): void {
    const index = this.#projects.indexOf(project);
    if (index !== -1) this.#projects.splice(index, 1);
  }

  /** A project that has been there for a moment; the oldest are the most used. */
  project(): KnownProject {
    const before = Date.now() - SETTLED_AFTER_MS;
    const settled = this.#projects.findLastIndex(({ createdMs }) => createdMs <= before) + 1;
    const project = this.#projects[this.#random.zipf(settled)];
    if (project === undefined) throw new Error('there are no projects yet: call seed first');
    return project;
  }

  /** One of the newest projects that has been there for a moment: what gets archived. */
  recentProject(): KnownProject {
    const project = this.#projects[Math.max(20, this.#projects.length - 1 - this.#random.below(10))];
    return project ?? this.project();
  }

  /** One of the latest tasks, mostly. */
  task(): string | undefined {
    return this.#tasks.at(-1 - this.#random.zipf(Math.max(1, this.#tasks.length)));
  }

  member(teamId: string): string {
    const before = Date.now() - SETTLED_AFTER_MS;
    const members = (this.#members.get(teamId) ?? []).filter(({ createdMs }) => createdMs <= before);
    return members[this.#random.below(members.length)]?.id ?? '';
  }

  async addMember(teamId: string, memberId: string): Promise<void> {
    const client = this.#clients.teams;
    await unary(client.addMember.bind(client), { teamId, memberId, expectedVersion: 0 });
    this.#members.get(teamId)?.push({ id: memberId, createdMs: Date.now() });
  }

  /** The one who joined first since the team was made, who is given no more tasks; undefined: there is none. */
  forgetGuest(teamId: string): string | undefined {
    return this.#members.get(teamId)?.splice(STAFF.length, 1)[0]?.id;
  }

  async #attach({ id, teamId }: KnownProject): Promise<void> {
    const client = this.#clients.teams;
    await unary(client.attachProject.bind(client), { id: teamId, projectId: id, expectedVersion: 0 });
  }

  async #addTeam(name: string): Promise<void> {
    const client = this.#clients.teams;
    const { team } = await unary(client.createTeam.bind(client), { name });
    const teamId = team?.id ?? '';
    this.#members.set(teamId, []);
    const serial = this.#members.size;
    for (const who of STAFF) await this.addMember(teamId, `${who}-${serial}`);
  }
}
