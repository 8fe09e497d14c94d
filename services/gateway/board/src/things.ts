import type { Item } from './list-store.js';

/** What the API gives, as far as the board shows it. */
export interface Team extends Item {
  name: string;
}

export interface Project extends Item {
  name: string;
  state: 'active' | 'archived';
}

export interface Member extends Item {
  memberId: string;
}

export interface Task extends Item {
  name: string;
  state: 'open' | 'done' | 'archived';
  assigneeId: string | null;
}
