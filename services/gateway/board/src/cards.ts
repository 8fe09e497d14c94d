import { copyOf, fill, find } from './dom.js';
import type { Task } from './things.js';

/** What may be done to a task. */
export interface TaskActions {
  rename: (task: Task, name: string) => void;
  assign: (task: Task, assigneeId: string | null) => void;
  move: (task: Task) => void;
}

/** A task on the board. It is kept while its task changes, so that nobody loses their place in it. */
export class Card {
  readonly element: HTMLLIElement;
  readonly #name: HTMLInputElement;
  readonly #assignee: HTMLSelectElement;
  readonly #move: HTMLButtonElement;
  readonly #actions: TaskActions;
  #task: Task;

  constructor(task: Task, actions: TaskActions) {
    const copy = copyOf('#card');
    this.element = find(HTMLLIElement, 'li', copy);
    this.#name = find(HTMLInputElement, 'input', copy);
    this.#assignee = find(HTMLSelectElement, 'select', copy);
    this.#move = find(HTMLButtonElement, '.move', copy);
    this.#actions = actions;
    this.#task = task;
    this.#listen(find(HTMLFormElement, '.name', copy));
  }

  show(task: Task, members: readonly string[]): void {
    const isEdited = document.activeElement === this.#name && this.#name.value !== this.#task.name;
    this.#task = task;
    if (!isEdited) this.#name.value = task.name;
    const everybody = task.assigneeId === null ? members : [...new Set([...members, task.assigneeId])];
    fill(this.#assignee, [['', 'nobody'], ...everybody.map((id) => [id, id] as const)]);
    this.#assignee.value = task.assigneeId ?? '';
    this.#move.textContent = task.state === 'open' ? 'Done →' : '← Reopen';
    this.element.classList.toggle('archived', task.state === 'archived');
    for (const part of [this.#name, this.#assignee, this.#move]) part.disabled = task.state === 'archived';
  }

  #listen(form: HTMLFormElement): void {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#rename();
      this.element.focus();
    });
    this.#name.addEventListener('blur', () => this.#rename());
    this.#assignee.addEventListener('change', () => {
      this.#actions.assign(this.#task, this.#assignee.value === '' ? null : this.#assignee.value);
    });
    this.#move.addEventListener('click', () => this.#actions.move(this.#task));
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
  }

  #rename(): void {
    const name = this.#name.value.trim();
    if (name !== '' && name !== this.#task.name) this.#actions.rename(this.#task, name);
    else this.#name.value = this.#task.name;
  }

  #onKey(event: KeyboardEvent): void {
    if (event.target === this.#name && event.key === 'Escape') {
      this.#name.value = this.#task.name;
      this.element.focus();
    }
    if (event.target !== this.element) return;
    const { state } = this.#task;
    if (event.key === 'Enter') {
      event.preventDefault();
      this.#name.focus();
    } else if (
      (event.key === 'ArrowRight' && state === 'open') ||
      (event.key === 'ArrowLeft' && state === 'done')
    )
      this.#actions.move(this.#task);
  }
}
