import { expect, it } from 'vitest';
import { noReactions, overviewsOf, type EdgeReport, type ProcessReport } from '@banyan/control';
import { evidenceLines, evidenceText } from './show-evidence.js';

const EDGE = 'teams -> tasks.UnassignMember';
const CHANGE = { change: 2, changeId: 'c2', stage: 'dual' } as const;

const common = {
  edge: EDGE,
  kind: 'reaction',
  stages: ['call', 'dual', 'event'],
  running: { ...CHANGE, since: '2026-01-01T00:00:00.000Z', origin: 'store', persisted: true },
} as const;

const REPORTS: readonly EdgeReport[] = [
  { ...common, side: 'caller', evidence: [{ ...CHANGE, emitted: 9, calls: { ok: 8, failed: 1 } }] },
  {
    ...common,
    side: 'receiver',
    reading: null,
    withoutId: [],
    evidence: [{ ...CHANGE, counts: { ...noReactions(), byCall: 8, byEvent: 1 } }],
  },
];

it('shows of a reaction what each side counted', () => {
  const processes = REPORTS.map((report, index) => ({
    service: index === 0 ? 'teams' : 'tasks',
    instance: `i${index}`,
    pid: index,
    report,
  }));
  const known: ProcessReport[] = processes.map(({ report, ...about }) => ({ ...about, edges: [report] }));
  const [edge] = overviewsOf({ records: [], reports: known });
  const lines = evidenceLines({ edge: edge!, processes, changes: [] });
  expect(lines[0]).toBe(`${EDGE}: dual`);
  expect(lines).toContain('  caller teams pid 0 (i0)');
  expect(lines).toContain('    change 2 dual: 9 emitted, ok 8, failed 1');
  expect(lines).toContain('  receiver tasks pid 1 (i1)');
  expect(lines).toContain('    change 2 dual: byCall 8, byEvent 1');
});

it('shows as it is what another tool has put with a change', () => {
  expect(evidenceText(undefined)).toEqual([]);
  expect(evidenceText({ ticket: 'OPS-1' })).toEqual(['{"ticket":"OPS-1"}']);
  expect(evidenceText({ outcome: 'pass', reasons: ['a', 'b'] })).toEqual(['gate pass: a; b']);
});
