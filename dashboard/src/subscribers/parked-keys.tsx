import { useSignal } from '@preact/signals';
import { useResource } from '../api/resource.js';
import { countOf } from '../format/number.js';
import { Ago } from '../ui/ago.js';
import { Badge } from '../ui/badge.js';
import { Button } from '../ui/button.js';
import { Panel } from '../ui/panel.js';
import { Empty, Failure, Loading } from '../ui/state.js';
import type { ParkedKeyRow, ParkedList } from '../wire.js';
import { ParkedDialog, type ParkedAction } from './parked-dialog.js';

const EVERY_MS = 3_000;

/** Keys that are set aside, of all subscribers; `version` changes when there may be others. */
export function ParkedKeys({ version }: { version: number | undefined }) {
  const { data, problem, refresh } = useResource<ParkedList>('/parked', {
    everyMs: EVERY_MS,
    version,
  });
  const asked = useSignal<{ parked: ParkedKeyRow; action: ParkedAction } | null>(null);
  return (
    <Panel title="Parked keys" wide>
      {problem !== null && <Failure problem={problem} />}
      {data === null && problem === null && <Loading what="parked keys" lines={2} />}
      {data?.unreachable.map(({ database, because }) => (
        <Failure
          key={database}
          problem={{ status: 0, title: `The database of ${database} cannot be asked`, detail: because }}
        />
      ))}
      {data?.keys.length === 0 && data.unreachable.length === 0 && (
        <Empty title="No key is parked">A key whose event fails is set aside here; all others go on.</Empty>
      )}
      <ul class="parked">
        {data?.keys.map((key) => (
          <ParkedItem
            key={`${key.subscriber} ${key.source} ${key.aggregate} ${key.key}`}
            parked={key}
            onAct={(action) => {
              asked.value = { parked: key, action };
            }}
          />
        ))}
      </ul>
      {asked.value !== null && (
        <ParkedDialog
          {...asked.value}
          onDone={refresh}
          onClose={() => {
            asked.value = null;
          }}
        />
      )}
    </Panel>
  );
}

function ParkedItem({ parked, onAct }: { parked: ParkedKeyRow; onAct: (action: ParkedAction) => void }) {
  const { subscriber, source, aggregate, key, position, attempts, error, at, waiting, skipped } = parked;
  return (
    <li class="parked-item">
      <div class="parked-head">
        <h3>
          {aggregate} <code>{key}</code>
        </h3>
        <Badge tone={skipped ? 'neutral' : 'warn'}>{skipped ? 'skipped' : 'parked'}</Badge>
        <div class="parked-actions">
          <Button icon="retry" disabled={waiting === 0} onClick={() => onAct('retry')}>
            Retry
          </Button>
          <Button icon="skip" disabled={waiting === 0} onClick={() => onAct('skip')}>
            Skip
          </Button>
        </div>
      </div>
      <p class="muted">
        {subscriber} reads {source}
        {position !== null && (
          <>
            {' '}
            · at <code>{position}</code>
          </>
        )}{' '}
        · {countOf(waiting, 'event')} wait{waiting === 1 ? 's' : ''} · tried {countOf(attempts, 'time')} ·{' '}
        <Ago at={at} />
      </p>
      {error !== null && <pre class="error-text">{error}</pre>}
    </li>
  );
}
