import { countOf, countText, percentText } from '../format/number.js';
import { OutcomeBadge } from '../ui/badge.js';
import { Panel } from '../ui/panel.js';
import { Empty } from '../ui/state.js';
import type { ComparisonCounts, ParityRow, QueryOverview } from '../wire.js';
import { comparisonsOf, currentEvidence, OUTCOMES, probesOf, strataOf, totalOf } from './edge-figures.js';

/** How the two answers compare since the last change, in all and by stratum. */
export function ParityPanel({ edge, rows }: { edge: QueryOverview; rows: readonly ParityRow[] }) {
  const counts = comparisonsOf(edge);
  const total = totalOf(counts);
  const keys = Math.max(0, ...currentEvidence(edge).map(({ keysCompared = 0 }) => keysCompared));
  const probes = probesOf(edge);
  const whole = rows.find(({ stratum }) => stratum === null);
  return (
    <Panel
      title="Parity"
      aside={whole !== undefined && total > 0 ? <OutcomeBadge outcome={whole.outcome} /> : undefined}
    >
      {total === 0 ? (
        <Empty icon="query" title="Nothing was compared since the last change">
          Answers are compared from shadow on, and at prefer-replica a sample.
        </Empty>
      ) : (
        <>
          <p>
            {countOf(total, 'comparison')}
            {keys > 0 && `, ${countOf(keys, 'key')}`}
            {probes > 0 && `, ${countText(probes)} asked by probes`}
            {whole !== undefined && <Confidence row={whole} />}
          </p>
          <OutcomeBar counts={counts} total={total} />
          <OutcomeList counts={counts} />
          <Strata edge={edge} rows={rows} />
        </>
      )}
    </Panel>
  );
}

function Confidence({ row: { upperBound, confidence } }: { row: ParityRow }) {
  return (
    <>
      : at most <strong>{percentText(upperBound)}</strong> disagree in all, with {percentText(confidence)}{' '}
      confidence
    </>
  );
}

function OutcomeBar({ counts, total }: { counts: ComparisonCounts; total: number }) {
  return (
    <div class="outcome-bar" aria-hidden="true">
      {OUTCOMES.map(([outcome, , tone]) =>
        counts[outcome] === 0 ? null : (
          <span
            key={outcome}
            class={`outcome-part outcome-${outcome} tone-${tone}`}
            style={{ flexGrow: counts[outcome] / total }}
          />
        ),
      )}
    </div>
  );
}

function OutcomeList({ counts }: { counts: ComparisonCounts }) {
  return (
    <dl class="outcomes">
      {OUTCOMES.map(([outcome, name, tone]) => (
        <div key={outcome} class={counts[outcome] === 0 ? 'none' : ''}>
          <dt>
            <span class={`outcome-key outcome-${outcome} tone-${tone}`} />
            {name}
          </dt>
          <dd>{countText(counts[outcome])}</dd>
        </div>
      ))}
    </dl>
  );
}

function Strata({ edge, rows }: { edge: QueryOverview; rows: readonly ParityRow[] }) {
  const counted = new Map(strataOf(edge));
  const names = new Set([...counted.keys(), ...rows.flatMap(({ stratum }) => stratum ?? [])]);
  if (names.size === 0) return null;
  return (
    <div class="table-scroll">
      <table class="table">
        <caption>By stratum: each has to show parity by itself</caption>
        <thead>
          <tr>
            <th scope="col">Stratum</th>
            <th scope="col" class="number">
              Compared
            </th>
            <th scope="col" class="number">
              Disagree
            </th>
            <th scope="col">Parity</th>
          </tr>
        </thead>
        <tbody>
          {[...names].map((name) => (
            <Stratum
              key={name}
              name={name}
              counts={counted.get(name)}
              row={rows.find(({ stratum }) => stratum === name)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface StratumProps {
  name: string;
  counts: ComparisonCounts | undefined;
  row: ParityRow | undefined;
}

function Stratum({ name, counts, row }: StratumProps) {
  const bad = OUTCOMES.filter(([, , tone]) => tone === 'bad');
  const disagree = counts === undefined ? 0 : bad.reduce((sum, [outcome]) => sum + counts[outcome], 0);
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="number" data-label="Compared">
        {countText(counts === undefined ? 0 : totalOf(counts))}
      </td>
      <td class="number" data-label="Disagree">
        {countText(disagree)}
      </td>
      <td data-label="Parity">{row === undefined ? '–' : <OutcomeBadge outcome={row.outcome} />}</td>
    </tr>
  );
}
