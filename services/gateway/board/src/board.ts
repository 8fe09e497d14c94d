import { change, RequestFailed } from './api.js';
import { fill, find } from './dom.js';
import { Following, Polling, type Follower } from './followers.js';
import { LiveConnection } from './live-connection.js';
import { ListStore, type Item } from './list-store.js';
import { Pane } from './pane.js';
import type { Member, Project, Task, Team } from './things.js';

const POLL_MS = 2000;
const AGE_MS = 200;

/** The page: what is chosen, the lists that follow from it, and what may be done. */
class Board {
  readonly #live = new LiveConnection((isOpen) => this.#onConnection(isOpen));
  readonly #teamSelect = find(HTMLSelectElement, '#team');
  readonly #projectSelect = find(HTMLSelectElement, '#project');
  readonly #following = new Map<string, Pick<Following<Item>, 'connected' | 'stop'>>();
  readonly #push: Pane;
  readonly #poll: Pane;
  readonly #teams = new ListStore<Team>('teams', () => this.#showTeams());
  #projects: ListStore<Project> | undefined;
  #members: ListStore<Member> | undefined;
  #pushed: ListStore<Task> | undefined;
  #polled: ListStore<Task> | undefined;
  #polling: Follower | undefined;
  #isOpen = false;
  #wanted = new URLSearchParams(location.hash.slice(1));

  constructor() {
    const actions = {
      rename: (task: Task, name: string) =>
        void this.#do(() => change('PATCH', `tasks/${task.id}`, { body: { name }, version: task.version })),
      assign: (task: Task, assigneeId: string | null) =>
        void this.#do(() => change('PUT', `tasks/${task.id}/assignee`, { body: { assigneeId } })),
      move: (task: Task) =>
        void this.#do(() =>
          change('POST', `tasks/${task.id}/${task.state === 'open' ? 'complete' : 'reopen'}`),
        ),
    };
    this.#push = new Pane(find(HTMLElement, '#push'), actions);
    this.#poll = new Pane(find(HTMLElement, '#poll'), actions);
  }

  start(): void {
    this.#follow('teams', this.#teams);
    this.#teamSelect.addEventListener('change', () => this.#useTeam(this.#teamSelect.value));
    this.#projectSelect.addEventListener('change', () => this.#useProject(this.#projectSelect.value));
    this.#listenForNew();
    this.#listenForRenames();
    setInterval(() => this.#showAges(), AGE_MS);
    this.#onConnection(false);
    this.#live.connect();
  }

  #listenForNew(): void {
    const team = (): string => this.#teamSelect.value;
    this.#onSubmit('#new-team', async (name) => {
      const made = await change<Team>('POST', 'teams', { body: { name } });
      this.#teams.put(made);
      this.#choose(this.#teamSelect, made.id);
    });
    this.#onSubmit('#new-project', async (name) => {
      const made = await change<Project>('POST', 'projects', { body: { teamId: team(), name } });
      this.#projects?.put(made);
      this.#choose(this.#projectSelect, made.id);
    });
    this.#onSubmit('#new-member', async (memberId) => {
      this.#members?.put(await change<Member>('POST', `teams/${team()}/members`, { body: { memberId } }));
    });
    this.#onSubmit('#new-task', async (name) => {
      await change('POST', 'tasks', { body: { projectId: this.#projectSelect.value, name } });
    });
  }

  #listenForRenames(): void {
    const things = [
      ['#rename-team', 'teams', this.#teamSelect],
      ['#rename-project', 'projects', this.#projectSelect],
    ] as const;
    for (const [button, path, select] of things)
      find(HTMLButtonElement, button).addEventListener('click', () => {
        const name = prompt('New name', select.selectedOptions[0]?.text ?? '')?.trim() ?? '';
        if (name !== '' && select.value !== '')
          void this.#do(() => change('PATCH', `${path}/${select.value}`, { body: { name } }));
      });
  }

  #onSubmit(selector: string, act: (name: string) => Promise<void>): void {
    const form = find(HTMLFormElement, selector);
    const input = find(HTMLInputElement, 'input', form);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#do(() => act(input.value.trim())).then((done) => {
        if (done) input.value = '';
      });
    });
  }

  /** Does something, and says what has gone wrong if it has. */
  async #do(act: () => Promise<unknown>): Promise<boolean> {
    const trouble = find(HTMLElement, '#trouble');
    try {
      await act();
      trouble.hidden = true;
      return true;
    } catch (error) {
      trouble.textContent =
        error instanceof RequestFailed ? error.message : `The gateway cannot be reached: ${String(error)}`;
      trouble.hidden = false;
      // What was refused may be shown as it was wanted.
      this.#showTasks();
      return false;
    }
  }

  #choose(select: HTMLSelectElement, value: string): void {
    select.value = value;
    select.dispatchEvent(new Event('change'));
  }

  #follow<T extends Item>(id: string, list: ListStore<T>): void {
    const following = new Following(list, this.#live, { id, pollMs: POLL_MS });
    following.connected(this.#isOpen);
    this.#following.set(id, following);
  }

  #unfollow(id: string, list: { stop: () => void } | undefined): void {
    list?.stop();
    this.#following.get(id)?.stop();
    this.#following.delete(id);
  }

  #onConnection(isOpen: boolean): void {
    this.#isOpen = isOpen;
    for (const following of this.#following.values()) following.connected(isOpen);
  }

  #showTeams(): void {
    const teams = byName(this.#teams.items);
    fill(
      this.#teamSelect,
      teams.map(({ id, name }) => [id, name] as const),
    );
    this.#choice(this.#teamSelect, 'team', (id) => this.#useTeam(id));
  }

  /** Follows what is chosen, or what the address wants to be chosen. */
  #choice(select: HTMLSelectElement, name: string, use: (id: string) => void): void {
    const wanted = this.#wanted.get(name);
    if (wanted !== null && [...select.options].some(({ value }) => value === wanted)) {
      this.#wanted.delete(name);
      select.value = wanted;
    }
    if (select.dataset['used'] !== select.value) use(select.value);
  }

  #useTeam(id: string): void {
    this.#teamSelect.dataset['used'] = id;
    this.#unfollow('projects', this.#projects);
    this.#unfollow('members', this.#members);
    this.#projectSelect.replaceChildren();
    delete this.#projectSelect.dataset['used'];
    if (id === '') return;
    const about = `teamId=${encodeURIComponent(id)}`;
    this.#projects = new ListStore<Project>(`projects?${about}`, () => this.#showProjects());
    this.#follow('projects', this.#projects);
    this.#members = new ListStore<Member>(`teams/${encodeURIComponent(id)}/members`, () => this.#showTasks());
    this.#follow('members', this.#members);
    this.#showProjects();
  }

  #showProjects(): void {
    const projects = byName(this.#projects?.items ?? []);
    const text = ({ name, state }: Project): string => (state === 'archived' ? `${name} (archived)` : name);
    fill(
      this.#projectSelect,
      projects.map((project) => [project.id, text(project)] as const),
    );
    this.#choice(this.#projectSelect, 'project', (id) => this.#useProject(id));
  }

  #useProject(id: string): void {
    this.#projectSelect.dataset['used'] = id;
    this.#unfollow('tasks', this.#pushed);
    this.#polled?.stop();
    this.#polling?.stop();
    this.#pushed = this.#polled = undefined;
    if (id !== '') this.#useTasks(`tasks?projectId=${encodeURIComponent(id)}`);
    this.#push.use(this.#pushed);
    this.#poll.use(this.#polled);
    if (id !== '') history.replaceState(null, '', `#team=${this.#teamSelect.value}&project=${id}`);
    this.#showTasks();
  }

  #useTasks(resource: string): void {
    this.#pushed = new ListStore<Task>(resource, () => this.#showTasks());
    this.#follow('tasks', this.#pushed);
    this.#polled = new ListStore<Task>(resource, () => this.#showTasks());
    this.#polling = new Polling(this.#polled, POLL_MS, () => undefined);
  }

  #showTasks(): void {
    const members = (this.#members?.items ?? []).map(({ memberId }) => memberId).sort();
    find(HTMLElement, '#members').textContent = members.length === 0 ? 'none' : members.join(', ');
    this.#push.show(members);
    this.#poll.show(members);
  }

  #showAges(): void {
    const [pushed, polled] = [this.#pushed?.readings ?? 0, this.#polled?.readings ?? 0];
    this.#push.showAge({
      how: this.#isOpen ? 'Push' : 'Push (away: polls meanwhile)',
      work: `${this.#live.frames} frames, ${pushed} requests`,
    });
    this.#poll.showAge({ how: `Polling every ${POLL_MS / 1000} s`, work: `${polled} requests` });
    find(HTMLElement, '#mode').textContent = this.#isOpen
      ? 'The gateway pushes.'
      : 'No push at present: the flag gateway.live says poll, or there is no connection.';
  }
}

function byName<T extends { name: string; id: string }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
}

new Board().start();
