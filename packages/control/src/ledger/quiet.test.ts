import { describe, expect, it } from 'vitest';
import type { ProcessReport, TombstoneReport } from '../report.js';
import { Look } from './books.js';
import type { CalledMethod, MethodCaller } from './ledger-report.js';
import type { ServerRecord } from './ledger-store.js';
import { strayOf, type QuietProof } from './quiet-proof.js';
import { quietVerdict, type QuietKnown, type QuietVerdict } from './quiet.js';

const EDGE = 'tasks -> projects.GetProject';
const PATH = '/projects.v1.ProjectsService/GetProject';
const NOW_MS = Date.parse('2026-01-31T12:00:00Z');
const HOUR = 3_600_000;

interface Provider {
  id?: string;
  upMs?: number;
  callers?: Partial<MethodCaller>[];
  tombstones?: TombstoneReport[];
}

/** A process of projects, up for a day and not called unless a test says otherwise. */
function provider({
  id = 'a',
  upMs = 24 * HOUR,
  callers = [],
  tombstones = [],
}: Provider = {}): ProcessReport {
  const booked = callers.map((each) => ({ ...called('tasks', HOUR * 2), ...each }));
  const ledger = { server: { id, upMs, callers: booked } };
  return { service: 'projects', instance: `projects-${id}`, pid: 1, edges: [], tombstones, ledger };
}

function caller(method: Partial<CalledMethod>): ProcessReport {
  const methods = [{ path: PATH, started: 1, ended: { OK: 1 }, onEdge: 0, lastAgoMs: 2 * HOUR, ...method }];
  const ledger = { client: { mark: '0.1.0/c', upMs: HOUR, methods } };
  return { service: 'tasks', instance: 'tasks-c', pid: 2, edges: [], ledger };
}

function called(by: string, lastAgoMs: number): MethodCaller {
  const processes = [{ mark: '0.1.0/c', calls: 1, repeated: 0, lastAgoMs }];
  return { path: PATH, caller: by, calls: 1, lastAgoMs, processes };
}

function verdict(
  processes: ProcessReport[],
  known: Partial<QuietKnown> = {},
  except: string[] = [],
): QuietVerdict {
  const all = { look: new Look(processes), servers: [], proof: undefined, nowMs: NOW_MS, ...known };
  return quietVerdict({ edge: EDGE, forMs: HOUR, except }, all);
}

/** Why it cannot be said, and when it can. */
function gapOf(processes: ProcessReport[], known: Partial<QuietKnown> = {}): [string, string | null] {
  const found = verdict(processes, known);
  if (found.outcome !== 'not-enough') throw new Error(`it is ${found.outcome}`);
  const [gap] = found.gaps;
  expect(found.gaps).toHaveLength(1);
  const at = gap?.enoughAtMs ?? null;
  return [gap?.why ?? '', at === null ? null : new Date(at).toISOString()];
}

const record = (more: Partial<ServerRecord> = {}): ServerRecord => ({
  ...{ service: 'projects', id: 'b', process: 'host-7' },
  startedAt: '2026-01-30T00:00:00.000Z',
  beatAt: '2026-01-31T11:30:00.000Z',
  ...more,
});

describe('an edge', () => {
  it('is quiet if every server has counted for the whole time, and no such call', () => {
    const old = [called('tasks', 2 * HOUR), called('teams', 5)];
    expect(verdict([provider({ callers: old }), provider({ id: 'b' })])).toMatchObject({
      outcome: 'proven',
      processes: [{ id: 'a' }, { id: 'b' }],
    });
  });

  it.each([
    ['a server has booked it', [provider({ callers: [called('tasks', 5)] })], 'provider'],
    ['only its caller has booked it', [provider(), caller({ lastAgoMs: 5 })], 'caller'],
    [
      'only a tombstone has counted it',
      [
        provider({
          tombstones: [
            {
              method: PATH,
              callers: [{ caller: 'tasks', calls: 3, refused: 3, lastAt: '2026-01-31T11:59:00Z' }],
            },
          ],
        }),
      ],
      'tombstone',
    ],
  ])('is not if somebody called and %s', (_, processes, book) => {
    expect(verdict(processes)).toMatchObject({ outcome: 'called', calls: [{ caller: 'tasks', book }] });
  });

  it('is not if a proof was refuted by a process that is gone', () => {
    const revoked = { at: '2026-01-31T11:59:50Z', caller: 'tasks', mark: '', server: 'host-9', calls: 2 };
    expect(verdict([provider()], { proof: { ...proof({}), revoked } })).toMatchObject({
      outcome: 'called',
      calls: [{ book: 'proof', agoMs: 10_000, process: 'host-9' }],
    });
  });
});

describe('it cannot be said', () => {
  it('while a server has not counted for long enough, and then it can', () => {
    const [why, at] = gapOf([provider(), provider({ id: 'b', upMs: HOUR / 2 })]);
    expect(why).toContain('projects-b counts since 2026-01-31T11:30:00.000Z only');
    expect(at).toBe('2026-01-31T12:30:00.000Z');
  });

  it.each(['unknown', 'others'])('after a call of %s, who may be anybody', (name) => {
    const [why, at] = gapOf([provider({ callers: [called(name, HOUR / 4)] })]);
    expect(why).toContain(`called at 2026-01-31T11:45:00.000Z by ${name}`);
    expect(at).toBe('2026-01-31T12:45:00.000Z');
  });

  it('if a server ended within the time, which takes its counts along', () => {
    const ended = record({ endedAt: '2026-01-31T11:40:00.000Z' });
    expect(gapOf([provider()], { servers: [ended] })).toEqual([
      expect.stringContaining('host-7 (b) ended'),
      '2026-01-31T12:40:00.000Z',
    ]);
    const before = record({ endedAt: '2026-01-31T10:40:00.000Z' });
    expect(verdict([provider()], { servers: [before] }).outcome).toBe('proven');
  });

  it('while a server that never said that it ended does not answer, unless somebody vouches', () => {
    const long = record({ beatAt: '2026-01-20T00:00:00.000Z' });
    expect(gapOf([provider()], { servers: [long] })).toEqual([expect.stringContaining('--except b'), null]);
    expect(verdict([provider()], { servers: [long] }, ['b']).outcome).toBe('proven');
  });

  it('while a process of the provider keeps no ledger', () => {
    const plain = { service: 'projects', instance: 'projects-plain', pid: 3, edges: [] };
    expect(gapOf([provider(), plain])[0]).toContain('projects-plain keeps no ledger');
    expect(verdict([provider(), plain], {}, ['projects-plain']).outcome).toBe('proven');
  });

  it('if nobody answers', () => {
    expect(gapOf([])[0]).toContain('no process of projects that keeps a ledger has answered');
  });
});

function proof(calls: Record<string, number>): QuietProof {
  return { edge: EDGE, at: '2026-01-31T11:00:00Z', by: 'ann', forMs: HOUR, calls, except: [] };
}

describe('a proof', () => {
  const book = { id: 'a', upMs: 1, callers: [called('tasks', 5), called('teams', 1)] };

  it('is refuted by one call more than were counted, and by nothing else', () => {
    expect(strayOf(proof({ a: 1 }), book, 'host-1')).toBeUndefined();
    const stray = { caller: 'tasks', mark: '0.1.0/c', server: 'host-1', calls: 1 };
    expect(strayOf(proof({ a: 0 }), book, 'host-1')).toMatchObject(stray);
  });

  it('is refuted by any call of a server that began after it', () => {
    expect(strayOf(proof({}), book, 'host-1')).toMatchObject({ calls: 1 });
  });
});
