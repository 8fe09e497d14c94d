import { useResource } from '../api/resource.js';
import { TimeChart } from '../chart/time-chart.js';
import { durationText } from '../format/duration.js';
import { rateText } from '../format/number.js';
import { Panel } from '../ui/panel.js';
import { Failure } from '../ui/state.js';
import type { EdgeOverview, Series } from '../wire.js';

const EVERY_MS = 2_000;

/** Both paths over the last quarter of an hour. */
export function EdgeCharts({ edge, known }: { edge: EdgeOverview; known: Series }) {
  const { data, problem } = useResource<Series>(`/edges/${encodeURIComponent(edge.edge)}/series?minutes=15`, {
    everyMs: EVERY_MS,
  });
  const series = data ?? known;
  const isQuery = edge.kind === 'query';
  return (
    <Panel title={isQuery ? 'Both paths, last 15 minutes' : 'Last 15 minutes'} wide>
      {problem !== null && data === null && <Failure problem={problem} />}
      <div class="charts">
        {isQuery && <Latency series={series} />}
        <Rates series={series} kind={edge.kind} />
        <Errors series={series} kind={edge.kind} />
        {edge.kind === 'query' ? (
          <Freshness series={series} budgetMs={edge.freshness?.budgetMs} />
        ) : (
          <Behind series={series} />
        )}
      </div>
    </Panel>
  );
}

function Latency({ series }: { series: Series }) {
  return (
    <TimeChart
      title="Latency"
      at={series.at}
      format={durationText}
      lines={[
        { name: 'call p50', values: series.callP50, colour: 'call' },
        { name: 'call p99', values: series.callP99, colour: 'call', dashed: true },
        { name: 'replica p50', values: series.replicaP50, colour: 'replica' },
        { name: 'replica p99', values: series.replicaP99, colour: 'replica', dashed: true },
      ]}
    />
  );
}

interface RatesProps {
  series: Series;
  kind: EdgeOverview['kind'];
}

function Rates({ series, kind }: RatesProps) {
  const calls = { name: 'calls', values: series.callRate, colour: 'call' } as const;
  const fallbacks = { name: 'fallbacks', values: series.fallbackRate, colour: 'warn', dashed: true } as const;
  const lines = kind === 'query' ? [calls, fallbacks] : [calls];
  return <TimeChart title="Calls" at={series.at} format={rateText} lines={lines} />;
}

function Errors({ series, kind }: RatesProps) {
  const call = { name: 'call', values: series.errorRate, colour: 'bad' } as const;
  const replica = { name: 'replica', values: series.replicaErrorRate, colour: 'bad', dashed: true } as const;
  const lines = kind === 'query' ? [call, replica] : [call];
  return <TimeChart title="Errors" at={series.at} format={rateText} lines={lines} />;
}

function Behind({ series }: { series: Series }) {
  return (
    <TimeChart
      title="Receiver behind"
      at={series.at}
      format={durationText}
      lines={[{ name: 'age', values: series.stalenessMs, colour: 'replica' }]}
    />
  );
}

function Freshness({ series, budgetMs }: { series: Series; budgetMs: number | undefined }) {
  return (
    <TimeChart
      title="Age of the replica"
      at={series.at}
      format={durationText}
      lines={[{ name: 'age', values: series.stalenessMs, colour: 'replica' }]}
      {...(budgetMs === undefined ? {} : { limit: { name: 'budget', value: budgetMs } })}
    />
  );
}
