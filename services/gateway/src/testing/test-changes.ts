import { TaskState, type TaskRenamed } from '@banyan/contracts/tasks';
import type { MemberAdded, MembershipState } from '@banyan/contracts/teams';

const AT = { createdAt: new Date(0), updatedAt: new Date(0) };

/** What events of tasks and members say; each change has the next version. */
export class TestChanges {
  #version = 0;

  /** Of the last change. */
  get version(): number {
    return this.#version;
  }

  /** A change of a task, longer where a test wants much to be sent. */
  renamed(id: string, { project = 'p1', name = 'Plant', assignee = '' } = {}): TaskRenamed {
    this.#version += 1;
    const common = { teamId: 't1', state: TaskState.OPEN, ...AT };
    const task = { id, version: this.#version, projectId: project, name, assigneeId: assignee, ...common };
    return { task, previousName: '' };
  }

  membership(state: MembershipState): MemberAdded {
    this.#version += 1;
    const member = { id: 't1.ann', teamId: 't1', memberId: 'ann' };
    return { membership: { ...member, version: this.#version, state, ...AT } };
  }
}
