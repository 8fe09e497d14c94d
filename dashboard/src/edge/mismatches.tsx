import { countOf } from '../format/number.js';
import { Ago } from '../ui/ago.js';
import { Badge } from '../ui/badge.js';
import { Panel } from '../ui/panel.js';
import { Empty } from '../ui/state.js';
import type { Mismatch } from '../wire.js';
import { jsonText } from './json-text.js';

/** Comparisons that did not end equal: what was asked, and where the answers part. */
export function Mismatches({ mismatches }: { mismatches: readonly Mismatch[] }) {
  return (
    <Panel
      title="Mismatches"
      wide
      aside={<span class="muted">{countOf(mismatches.length, 'example')} kept</span>}
    >
      {mismatches.length === 0 ? (
        <Empty title="None is kept">
          The answers that were compared were equal, or nothing was compared yet.
        </Empty>
      ) : (
        <ul class="mismatches">
          {mismatches.map((mismatch) => (
            <li key={mismatch.id}>
              <MismatchItem mismatch={mismatch} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function MismatchItem({ mismatch }: { mismatch: Mismatch }) {
  const { outcome, at, stage, version, differences, note } = mismatch;
  return (
    <details class="mismatch">
      <summary>
        <Badge tone={outcome === 'late' || outcome === 'unjudged' ? 'warn' : 'bad'}>{outcome}</Badge>
        <span class="mismatch-fields">
          {differences.map(({ path }) => path).join(', ') || (note ?? 'see the answers')}
        </span>
        <span class="muted">
          at {stage}
          {version !== null && `, version ${version}`} · <Ago at={at} />
        </span>
      </summary>
      {note !== undefined && <p>{note}</p>}
      <Differences mismatch={mismatch} />
      <h3>Asked</h3>
      <pre>{jsonText(mismatch.request)}</pre>
      <div class="sides">
        <Side name="Provider" answer={mismatch.provider} />
        <Side name="Replica" answer={mismatch.replica} />
      </div>
    </details>
  );
}

function Differences({ mismatch: { differences } }: { mismatch: Mismatch }) {
  if (differences.length === 0) return null;
  return (
    <div class="table-scroll">
      <table class="table diff">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Provider</th>
            <th scope="col">Replica</th>
          </tr>
        </thead>
        <tbody>
          {differences.map((difference) => (
            <Difference key={difference.path} difference={difference} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Difference({
  difference: { path, kind, provider, replica },
}: {
  difference: Mismatch['differences'][number];
}) {
  return (
    <tr>
      <th scope="row">
        <code>{path}</code>
        {kind === 'order' && <span class="muted"> in another order</span>}
      </th>
      <td class="diff-provider" data-label="Provider">
        <pre>{jsonText(provider)}</pre>
      </td>
      <td class="diff-replica" data-label="Replica">
        <pre>{jsonText(replica)}</pre>
      </td>
    </tr>
  );
}

function Side({ name, answer }: { name: string; answer: Mismatch['provider'] }) {
  return (
    <div>
      <h3>
        {name} <span class="muted">{answer.kind}</span>
      </h3>
      {answer.kind === 'found' && <pre>{jsonText(answer.message)}</pre>}
      {(answer.kind === 'refused' || answer.kind === 'failed') && <pre>{answer.because}</pre>}
    </div>
  );
}
