import { Card, type TaskActions } from './cards.js';
import { copyOf, find } from './dom.js';
import type { ListStore } from './list-store.js';
import type { Task } from './things.js';

/** One view of a project's tasks: its cards in two columns, and how old what they show is. */
export class Pane {
  readonly #actions: TaskActions;
  readonly #heading: HTMLHeadingElement;
  readonly #age: HTMLParagraphElement;
  readonly #empty: HTMLParagraphElement;
  readonly #columns: { open: HTMLUListElement; done: HTMLUListElement };
  #cards = new Map<string, Card>();
  #list: ListStore<Task> | undefined;

  constructor(root: HTMLElement, actions: TaskActions) {
    root.append(copyOf('#pane'));
    this.#actions = actions;
    this.#heading = find(HTMLHeadingElement, 'h2', root);
    this.#age = find(HTMLParagraphElement, '.age', root);
    this.#empty = find(HTMLParagraphElement, '.empty', root);
    this.#columns = {
      open: find(HTMLUListElement, '.open', root),
      done: find(HTMLUListElement, '.done', root),
    };
  }

  /** Shows another list from now on; undefined: none. */
  use(list: ListStore<Task> | undefined): void {
    this.#list = list;
    for (const { element } of this.#cards.values()) element.remove();
    this.#cards = new Map();
  }

  show(members: readonly string[]): void {
    const tasks = (this.#list?.items ?? []).sort((a, b) => (a.id < b.id ? -1 : 1));
    const gone = new Set(this.#cards.keys());
    for (const task of tasks) {
      gone.delete(task.id);
      this.#place(task, members);
    }
    for (const id of gone) this.#remove(id);
    this.#empty.hidden = tasks.length > 0;
  }

  /** @param how it learns of changes, @param work what that has taken so far */
  showAge({ how, work }: { how: string; work: string }): void {
    const asOfMs = this.#list?.asOfMs ?? 0;
    const age =
      asOfMs === 0
        ? 'nothing read yet'
        : `as of ${(Math.max(0, Date.now() - asOfMs) / 1000).toFixed(1)} s ago`;
    this.#heading.textContent = how;
    this.#age.textContent = `${age} · ${work}`;
  }

  #place(task: Task, members: readonly string[]): void {
    const card = this.#cards.get(task.id) ?? new Card(task, this.#actions);
    this.#cards.set(task.id, card);
    card.show(task, members);
    const column = task.state === 'open' ? this.#columns.open : this.#columns.done;
    if (card.element.parentElement === column) return;
    const hadFocus = card.element.contains(document.activeElement);
    column.append(card.element);
    if (hadFocus) card.element.focus();
  }

  #remove(id: string): void {
    this.#cards.get(id)?.element.remove();
    this.#cards.delete(id);
  }
}
