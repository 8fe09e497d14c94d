import { countText } from '../format/number.js';
import { Ago } from '../ui/ago.js';
import { Panel } from '../ui/panel.js';
import { Empty } from '../ui/state.js';
import type { ReactionEvidence, ReactionOverview } from '../wire.js';

/** What became of the reactions under each change, and who calls without an event id. */
export function ReactionPanel({ edge }: { edge: ReactionOverview }) {
  return (
    <Panel title="Effects, by change" wide>
      {edge.evidence.length === 0 ? (
        <Empty icon="reaction" title="No reaction was counted yet" />
      ) : (
        <EffectTable rows={edge.evidence.toReversed()} />
      )}
      {edge.withoutId.length > 0 && <WithoutId callers={edge.withoutId} />}
    </Panel>
  );
}

const COLUMNS: readonly (readonly [name: string, of: (row: ReactionEvidence) => number])[] = [
  ['Emitted', ({ emitted }) => emitted],
  ['Calls ok', ({ calls }) => calls.ok],
  ['Calls failed', ({ calls }) => calls.failed],
  ['Done by call', ({ counts }) => counts.byCall],
  ['Done by event', ({ counts }) => counts.byEvent],
  ['Came second', ({ counts }) => counts.repeatedCalls + counts.repeatedEvents],
  ['Left to the call', ({ counts }) => counts.leftToCall],
  ['Refused by rules', ({ counts }) => counts.refused],
  ['Turned away', ({ counts }) => counts.refusedWithoutId + counts.refusedTooOld + counts.refusedTooEarly],
];

function EffectTable({ rows }: { rows: readonly ReactionEvidence[] }) {
  return (
    <div class="table-scroll">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Change</th>
            {COLUMNS.map(([name]) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.changeId}>
              <th scope="row">
                {row.change} <span class={`stage-text stage-${row.stage}`}>{row.stage}</span>
              </th>
              {COLUMNS.map(([name, of]) => (
                <td key={name} class="number" data-label={name}>
                  {countText(of(row))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function WithoutId({ callers }: { callers: ReactionOverview['withoutId'] }) {
  return (
    <>
      <h3>Calls without an event id</h3>
      <ul class="plain-list">
        {callers.map(({ caller, calls, lastAt }) => (
          <li key={caller}>
            <strong>{caller}</strong> {countText(calls)}, the last <Ago at={lastAt} />
          </li>
        ))}
      </ul>
    </>
  );
}
