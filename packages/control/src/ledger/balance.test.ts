import { describe, expect, it } from 'vitest';
import type { EdgeReport, ProcessReport } from '../report.js';
import { balance } from './balance.js';
import { Look, type Books } from './books.js';
import type { CallingProcess } from './ledger-report.js';

const PATH = '/projects.v1.ProjectsService/GetProject';

interface Sent {
  started: number;
  ok: number;
  onEdge?: number;
}

/** A process of tasks with what it has called of projects. */
function tasks(id: string, { started, ok, onEdge = started }: Sent, edges: EdgeReport[] = []): ProcessReport {
  const methods = [{ path: PATH, started, ended: { OK: ok }, onEdge, lastAgoMs: 5 }];
  const ledger = { client: { mark: `0.1.0/${id}`, upMs: 1, methods } };
  return { service: 'tasks', instance: `tasks-${id}`, pid: 1, edges, ledger };
}

/** A process of projects with what has arrived in the name of tasks, by ledger. */
function projects(
  id: string,
  received: Record<string, number | Partial<CallingProcess>>,
  by = 'tasks',
): ProcessReport {
  const processes = Object.entries(received).map(([ledger, counts]): CallingProcess => {
    const mark = ledger === '' || ledger === 'other' ? ledger : `0.1.0/${ledger}`;
    const given = typeof counts === 'number' ? { calls: counts } : counts;
    return { mark, calls: 0, repeated: 0, lastAgoMs: 5, ...given };
  });
  const calls = processes.reduce((sum, each) => sum + each.calls, 0);
  const callers = [{ path: PATH, caller: by, calls, lastAgoMs: 5, processes }];
  return {
    service: 'projects',
    instance: `projects-${id}`,
    pid: 2,
    edges: [],
    ledger: { server: { id, upMs: 1, callers } },
  };
}

/** Four looks; each is what the processes had in their books then. */
function found(...looks: [ProcessReport[], ProcessReport[], ProcessReport[], ProcessReport[]]): string[] {
  const [before, opening, closing, after] = looks.map((each) => new Look(each)) as [Look, Look, Look, Look];
  const books: Books = { before, opening, closing, after, windowMs: 1 };
  return balance(books).map(({ kind, caller, calls, inWindow }) => `${kind} ${caller} ${calls} ${inWindow}`);
}

describe('two books that agree', () => {
  it('give no finding while calls are under way and answers come at different times', () => {
    expect(
      found(
        [tasks('a', { started: 10, ok: 8 }), projects('x', { a: 9 })],
        [tasks('a', { started: 12, ok: 9 }), projects('x', { a: 11 })],
        [tasks('a', { started: 20, ok: 18 }), projects('x', { a: 22 })],
        [tasks('a', { started: 23, ok: 20 }), projects('x', { a: 23 })],
      ),
    ).toEqual([]);
  });

  it('give none when callers and providers start and die between the looks', () => {
    const [a, b] = [tasks('a', { started: 10, ok: 10 }), tasks('b', { started: 50, ok: 50 })];
    expect(
      found(
        [a, projects('x', { a: 10 })],
        [a, projects('x', { a: 10 })],
        [b, projects('y', { a: 5, b: 50 })],
        [b, projects('y', { a: 5, b: 50 })],
      ),
    ).toEqual([]);
    const long = tasks('a', { started: 90, ok: 90 });
    expect(found([a, projects('x', { a: 10 })], [a, projects('x', { a: 10 })], [long], [long])).toEqual([]);
  });

  it('give none for attempts that grpc repeats, nor for ledgers that are no longer told apart', () => {
    const [few, more] = [tasks('a', { started: 1, ok: 1 }), tasks('a', { started: 2, ok: 2 })];
    const repeated = projects('x', { a: { calls: 4, repeated: 2 } });
    expect(
      found(
        [few, projects('x', { a: 1 })],
        [few, projects('x', { a: 1 })],
        [more, repeated],
        [more, repeated],
      ),
    ).toEqual([]);
    const folded = projects('x', { other: 900 });
    expect(
      found([few, folded], [few, folded], [few, projects('x', { a: 1, other: 900 })], [few, folded]),
    ).toEqual([]);
  });
});

describe('what is named', () => {
  const quiet = tasks('a', { started: 10, ok: 10 });

  it('is a call that no ledger of a caller has whose processes keep some', () => {
    const [then, now] = [projects('x', { a: 10, '': 3 }), projects('x', { a: 10, '': 5 })];
    expect(found([quiet, then], [quiet, then], [quiet, now], [quiet, now])).toEqual(['no-ledger tasks 5 2']);
    // Nobody of them keeps one: they have yet to begin.
    expect(found([then], [then], [now], [now])).toEqual([]);
  });

  it('is a mark that comes more often than its ledger has sent it', () => {
    const [then, now] = [projects('x', { a: 10 }), projects('x', { a: 14 })];
    const one = tasks('a', { started: 11, ok: 11 });
    expect(found([quiet, then], [quiet, then], [one, now], [one, now])).toEqual(['unowned tasks 3 3']);
  });

  it('is a caller that does not report, while it calls', () => {
    const [then, now] = [projects('x', { gone: 10 }), projects('x', { gone: 11 })];
    expect(found([then], [then], [now], [now])).toEqual(['silent-caller tasks 11 1']);
    expect(found([then], [then], [then], [then])).toEqual([]);
  });

  it('is an answer that no provider has booked', () => {
    const then = projects('x', { a: 10 });
    const more = tasks('a', { started: 16, ok: 16 });
    expect(found([quiet, then], [quiet, then], [more, then], [more, then])).toEqual([
      'silent-provider tasks 6 6',
    ]);
  });

  it('is a call that does not say who makes it', () => {
    const now = projects('x', { '': 2 }, 'unknown');
    expect(found([], [projects('x', {}, 'unknown')], [now], [now])).toEqual(['unknown unknown 2 2']);
  });

  it('is a call past the edge that its process has', () => {
    const edge: EdgeReport = {
      edge: 'tasks -> projects.GetProject',
      kind: 'query',
      stages: ['call'],
      running: { stage: 'call', change: 0, changeId: '', since: '', origin: 'floor', persisted: true },
      freshness: { asOfMs: null, stalenessMs: null, budgetMs: 1, fresh: false },
      evidence: [],
    };
    const server = projects('x', { a: 10 });
    const then = [tasks('a', { started: 10, ok: 10, onEdge: 8 }, [edge]), server];
    expect(found(then, then, then, then)).toEqual(['past-edge tasks 2 0']);
    const without = [tasks('a', { started: 10, ok: 10, onEdge: 8 }), server];
    expect(found(without, without, without, without)).toEqual([]);
  });
});
