import { partsOf } from '../edge/edge-text.js';
import { LadderLine } from '../edge/ladder-line.js';
import { percentText, rateText } from '../format/number.js';
import { live } from '../live/live.js';
import { Link } from '../routing/link.js';
import { Ago } from '../ui/ago.js';
import { KindBadge, OutcomeBadge, StageBadge } from '../ui/badge.js';
import type { EdgeOverview } from '../wire.js';

/** The edges once more as a table: everything that the map draws, in words. */
export function EdgeList({ edges }: { edges: readonly EdgeOverview[] }) {
  return (
    <div class="table-scroll">
      <table class="table edge-table">
        <thead>
          <tr>
            <th scope="col">Edge</th>
            <th scope="col">Kind</th>
            <th scope="col">Stage</th>
            <th scope="col">Ladder</th>
            <th scope="col" class="number">
              Carries
            </th>
            <th scope="col" class="number">
              Failed
            </th>
            <th scope="col">Next</th>
            <th scope="col">Changed</th>
          </tr>
        </thead>
        <tbody>
          {edges.map((edge, at) => (
            <EdgeRow key={edge.edge} edge={edge} number={at + 1} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function EdgeRow({ edge, number }: { edge: EdgeOverview; number: number }) {
  const { caller, provider, method } = partsOf(edge.edge);
  const traffic = live.value.traffic.get(edge.edge);
  const failed = traffic?.failedShare ?? null;
  return (
    <tr>
      <th scope="row">
        <span class="edge-number" aria-hidden="true">
          {number}
        </span>
        <Link to={{ page: 'edge', edge: edge.edge }} class="edge-link">
          {caller} → {provider}.<wbr />
          <strong>{method}</strong>
        </Link>
      </th>
      <td class="second" data-label="Kind">
        <KindBadge kind={edge.kind} />
      </td>
      <td data-label="Stage">
        <StageBadge edge={edge} />
      </td>
      <td data-label="Ladder">
        <LadderLine edge={edge} />
      </td>
      <td class="number" data-label="Carries">
        {traffic === undefined ? '–' : rateText(traffic.perSecond)}
      </td>
      <td class="number second" data-label="Failed">
        {failed === null ? '–' : percentText(failed)}
      </td>
      <td data-label="Next">
        {edge.next === null ? <span class="muted">highest stage</span> : <Next next={edge.next} />}
      </td>
      <td class="second" data-label="Changed">
        {edge.since === null ? <span class="muted">never</span> : <Ago at={edge.since} />}
      </td>
    </tr>
  );
}

function Next({ next }: { next: NonNullable<EdgeOverview['next']> }) {
  return (
    <span class="next-stage" title={next.reasons.join('\n')}>
      {next.stage} <OutcomeBadge outcome={next.outcome} />
    </span>
  );
}
