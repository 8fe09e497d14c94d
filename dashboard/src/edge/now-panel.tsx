import type { ComponentChildren } from 'preact';
import { durationText } from '../format/duration.js';
import { countOf, countText, percentText, rateText } from '../format/number.js';
import { live } from '../live/live.js';
import { Meter } from '../ui/meter.js';
import { Panel } from '../ui/panel.js';
import type {
  ChangeEvidence,
  EdgeOverview,
  FreshnessReport,
  QueryOverview,
  ReactionOverview,
} from '../wire.js';
import { currentEvidence } from './edge-figures.js';

/** What the edge does at this moment, and did since the last change. */
export function NowPanel({ edge }: { edge: EdgeOverview }) {
  return (
    <Panel title="Now">
      <dl class="facts">
        <Traffic edge={edge} />
        {edge.kind === 'query' ? <QueryFacts edge={edge} /> : <ReactionFacts edge={edge} />}
      </dl>
    </Panel>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Traffic({ edge }: { edge: EdgeOverview }) {
  const traffic = live.value.traffic.get(edge.edge);
  const { perSecond = 0, failedShare = null, byEventsShare = null } = traffic ?? {};
  const by = edge.kind === 'query' ? 'answered by the replica' : 'done by events';
  return (
    <>
      <Fact name={edge.kind === 'query' ? 'Calls' : 'Effects'}>{rateText(perSecond)}</Fact>
      <Fact name="Failed">{failedShare === null ? '–' : percentText(failedShare)}</Fact>
      <Fact name={by.charAt(0).toUpperCase() + by.slice(1)}>
        {byEventsShare === null ? '–' : percentText(byEventsShare)}
      </Fact>
    </>
  );
}

function QueryFacts({ edge }: { edge: QueryOverview }) {
  const evidence = currentEvidence(edge).find(({ stage }) => stage === edge.stage);
  return (
    <>
      {evidence !== undefined && <Speed evidence={evidence} />}
      <Freshness freshness={edge.freshness} />
      {edge.bypasses.repaired + edge.bypasses.missed > 0 && (
        <Fact name="Past the edge">
          {countOf(edge.bypasses.missed, 'call')}; {countText(edge.bypasses.repaired)} put back
        </Fact>
      )}
    </>
  );
}

function Speed({ evidence: { calls, latencyMs, readMs } }: { evidence: ChangeEvidence }) {
  return (
    <>
      <Fact name="Since the last change">{countOf(calls.ok + calls.failed, 'call')}</Fact>
      <Fact name="Callers wait">
        {durationText(latencyMs.p50)} <span class="muted">p50</span> · {durationText(latencyMs.p99)}{' '}
        <span class="muted">p99</span>
      </Fact>
      {readMs !== undefined && readMs.count > 0 && (
        <Fact name="Replica’s reads">
          {durationText(readMs.p50)} <span class="muted">p50</span> · {durationText(readMs.p99)}{' '}
          <span class="muted">p99</span>
        </Fact>
      )}
    </>
  );
}

function Freshness({ freshness }: { freshness: FreshnessReport | null }) {
  if (freshness === null) return <Fact name="Replica">no process runs</Fact>;
  const { stalenessMs, budgetMs, fresh } = freshness;
  if (stalenessMs === null) return <Fact name="Replica">never started</Fact>;
  const text = `${durationText(stalenessMs)} old, budget ${durationText(budgetMs)}`;
  return (
    <Fact name="Replica">
      {text}
      <Meter
        label="Age of the replica"
        value={stalenessMs}
        max={budgetMs}
        text={text}
        tone={fresh ? 'good' : 'bad'}
      />
    </Fact>
  );
}

function ReactionFacts({ edge: { reading, withoutId } }: { edge: ReactionOverview }) {
  const calls = withoutId.reduce((sum, each) => sum + each.calls, 0);
  return (
    <>
      <Fact name="Receiver">
        {reading === null
          ? 'reads no events'
          : reading.stalenessMs === null
            ? 'has no position yet'
            : `${durationText(reading.stalenessMs)} behind`}
      </Fact>
      {reading !== null && reading.parkedKeys > 0 && (
        <Fact name="Parked">{countOf(reading.parkedKeys, 'key')}</Fact>
      )}
      <Fact name="Calls without an event id">
        {calls === 0 ? 'none' : `${countText(calls)}, by ${withoutId.map(({ caller }) => caller).join(', ')}`}
      </Fact>
    </>
  );
}
