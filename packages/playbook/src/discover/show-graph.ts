import type { Finding } from '@banyan/control';
import { age, section, table } from '../table.js';
import type { DiscoveredCall, Discovery } from './discovery.js';

/** The call graph as a tree by caller, and below it what does not balance. */
export function showGraph(discovery: Discovery): string[] {
  const { calls, findings, windowMs } = discovery;
  if (calls.length === 0)
    return ['Nobody has called anybody, as far as any ledger knows.', ...withoutLedger(discovery)];
  const header = ['CALLS', 'SENT', 'RECEIVED', `IN ${age(windowMs)}`, 'LAST', 'STAGE', 'VERSIONS'];
  const callers = [...new Set(calls.map(({ caller }) => caller))];
  const rows = callers.flatMap((caller) =>
    treeOf(
      caller,
      calls.filter((call) => call.caller === caller),
    ),
  );
  return [
    ...table(header, rows),
    ...section('Past the books or the edge:', findings.map(findingText)),
    ...withoutLedger(discovery),
  ];
}

function treeOf(caller: string, calls: readonly DiscoveredCall[]): (string | number)[][] {
  const branches = calls.map((call, index) => {
    const branch = index === calls.length - 1 ? '└─' : '├─';
    const { provider, method, sent, received, inWindow, lastAgoMs, edge, versions } = call;
    return [
      `${branch} ${provider}.${method}`,
      ...[sent ?? '-', received ?? '-', inWindow],
      lastAgoMs === null ? '-' : age(lastAgoMs),
      edge?.stage ?? 'no edge',
      versions.join(', '),
    ];
  });
  return [[caller, '', '', '', '', '', ''], ...branches];
}

function withoutLedger({ processes }: Discovery): string[] {
  const none = processes.filter(({ keeps }) => !keeps.client && !keeps.server);
  return section(
    'Keep no ledger, so what they call shows at their providers only:',
    none.map(({ service, instance }) => `${service} (${instance})`),
  );
}

/** What was found, in a sentence that says what to do. */
export function findingText(finding: Finding): string {
  const { caller, provider, method, calls, lastAgoMs, seenBy } = finding;
  const many = `${calls} ${calls === 1 ? 'call' : 'calls'}`;
  const last = lastAgoMs === null ? '' : `, the last ${age(lastAgoMs)} ago`;
  return `${caller} -> ${provider}.${method}: ${many} ${WHY[finding.kind]}${last} (${seenBy.join(', ')})`;
}

const WHY: Record<Finding['kind'], string> = {
  'past-edge': 'went past the edge: a client was built without its interceptor',
  'no-ledger': 'are in no ledger of the caller: a client was built without clientLedger',
  unowned: 'arrived with the mark of a ledger that does not have them: somebody passes metadata on',
  unknown: 'did not say who makes them',
  'silent-caller': 'came from a process that does not report',
  'silent-provider':
    'were answered by no process that keeps a ledger: a server was built without serverLedger',
};
