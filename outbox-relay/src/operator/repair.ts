import type { PositionRange, RepairOutcome, StreamAudit } from '@banyan/contracts';
import { auditRecorded, type RecordedAuditOptions } from '../audit/recorded-audit.js';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Session } from '../session.js';
import { openManager } from '../stream.js';
import { isAllRetained, rebuildStream } from './rebuild-stream.js';
import { askForHoles } from './served-ranges.js';

export interface RepairOptions {
  source: string;
  /** False: look only. */
  apply: boolean;
  signal: AbortSignal;
  onProgress: NonNullable<RecordedAuditOptions['onProgress']>;
}

/**
 * Audits, and mends what can be mended. A hole inside a stream that denies deletion cannot be filled in place. So: if all of
 * the stream's events are still in the outbox, the stream is published anew at the same positions; if not, it is left, and
 * each missing event is asked of the range service, where readers get it from.
 */
export async function repair(
  session: Session,
  nats: NatsConnection,
  options: RepairOptions,
): Promise<RepairOutcome> {
  const { source, apply, signal, onProgress } = options;
  const connections = { client: session.client, nats };
  const audit = await auditRecorded(connections, { source, signal, onProgress });
  const plan = planOf(audit, await isAllRetained(session.client, await openManager(nats), source));
  if (plan === 'nothing' || plan === 'wait' || plan === 'decide') return outcome(audit, plan);
  const served = await askForHoles(nats, audit.holes, {
    source,
    epoch: audit.epoch,
    onProgress: (positions) => onProgress({ done: positions, of: audit.missingInside }),
  });
  const lost = audit.holes.flatMap((hole) => notIn(served, hole));
  const found = { ...outcome(audit, plan), missing: audit.missingInside, served: served.size, lost };
  if (plan !== 'rebuild' || !apply) return found;
  await rebuildStream(session, connections, { source, toN: audit.toN, signal, onProgress });
  return { ...found, audit: await auditRecorded(connections, { source, signal, onProgress }), rebuilt: true };
}

function planOf(audit: StreamAudit, allRetained: boolean): RepairOutcome['plan'] {
  if (audit.repair === 'nothing') return 'nothing';
  if (audit.repair === 'relay') return 'wait';
  if (audit.repair === 'decision') return 'decide';
  return allRetained ? 'rebuild' : 'serve';
}

function outcome(audit: StreamAudit, plan: RepairOutcome['plan']): RepairOutcome {
  return { audit, missing: 0, served: 0, lost: [], plan, rebuilt: false };
}

/** The parts of a hole that were not served. */
function notIn(served: ReadonlySet<number>, { fromN, toN }: PositionRange): PositionRange[] {
  const lost: PositionRange[] = [];
  for (let n = fromN; n <= toN; n++) {
    if (served.has(n)) continue;
    const last = lost.at(-1);
    if (last?.toN === n - 1) last.toN = n;
    else lost.push({ fromN: n, toN: n });
  }
  return lost;
}
