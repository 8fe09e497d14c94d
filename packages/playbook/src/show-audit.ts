import type { PositionRange, RepairOutcome, StreamAudit } from '@banyan/contracts';

/** Ranges and differences shown to people; --json has more. */
const SHOWN = 10;

const MENDED: Record<StreamAudit['repair'], string> = {
  nothing: 'the same events at the same positions',
  relay: 'the end is missing: a relay that leads publishes it at the same positions by itself',
  ranges: 'events inside are missing: readers get them from the source; see `banyan relay repair`',
  decision:
    'the stream holds what this database does not have there: see docs/histories.md before anything else',
};

/** An audit, for people. */
export function auditLines(audit: StreamAudit): string[] {
  const { source, epoch, fromN, toN, holes, differences, digests } = audit;
  const range = fromN > toN ? 'no position is retained' : `positions ${epoch}.${fromN} to ${epoch}.${toN}`;
  return [
    `${source}: ${range}, ${audit.compared} compared in ${audit.stretches} stretches, ${audit.tookMs} ms`,
    `  messages   ${audit.messages}${audit.notRetained > 0 ? `; not retained: ${audit.notRetained}` : ''}`,
    `  missing    ${audit.missingInside} inside, ${audit.missingAtEnd} at the end`,
    `  foreign    ${audit.otherEvents} other events, ${counted(audit.strangers, 'stranger')}, ${audit.brokenLinks} broken links`,
    `  digests    stream ${short(digests.stream)}, database ${short(digests.database)}`,
    ...(holes.length === 0 ? [] : [`  holes      ${rangesOf(holes)}`]),
    ...differences
      .slice(0, SHOWN)
      .map(
        ({ first, inStream, inDatabase, ...stretch }) =>
          `  differs    ${stretch.fromN} to ${stretch.toN}: ${inStream} messages, ${inDatabase} events; first at ` +
          `${first.n}: stream ${first.stream ?? 'nothing'}, database ${first.database ?? 'nothing'}`,
      ),
    `  ${MENDED[audit.repair]}`,
  ];
}

/** What a repair found and did, for people. */
export function repairLines(outcome: RepairOutcome): string[] {
  const { audit, plan, rebuilt, missing, served, lost } = outcome;
  const asked =
    missing === 0
      ? []
      : [
          `  served     ${served} of ${missing} missing events are given to readers by the source` +
            (lost.length === 0 ? '' : `; nobody has ${rangesOf(lost)}`),
        ];
  return [...auditLines(audit), ...asked, `  ${rebuilt ? 'the stream was published anew' : PLANS[plan]}`];
}

const PLANS: Record<RepairOutcome['plan'], string> = {
  nothing: 'there is nothing to repair',
  wait: 'there is nothing to do: see `banyan relay status` for who leads',
  rebuild:
    'would delete the stream and publish it anew at the same positions: the outbox has all of its events',
  serve: 'cannot be filled in place, and the outbox no longer has all of the stream: it is left as it is',
  decide: 'nothing is repaired before a person has decided which history is right',
};

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function rangesOf(ranges: readonly PositionRange[]): string {
  const shown = ranges
    .slice(0, SHOWN)
    .map(({ fromN, toN }) => (fromN === toN ? `${fromN}` : `${fromN}–${toN}`));
  return shown.join(', ') + (ranges.length > SHOWN ? `, … (${ranges.length} ranges)` : '');
}

const short = (digest: string): string => (digest === '' ? '-' : digest.slice(0, 12));
