import { withArrows } from '../edge/edge-text.js';
import { Link } from '../routing/link.js';
import { clockText } from '../format/time.js';
import { Ago } from '../ui/ago.js';
import { Badge } from '../ui/badge.js';
import type { AuditRow } from '../wire.js';
import { isEdge, verbOf } from './audit-text.js';

/** Entries of the audit, newest first. */
export function AuditList({
  entries,
  withSubject = true,
}: {
  entries: readonly AuditRow[];
  withSubject?: boolean;
}) {
  return (
    <ol class="feed">
      {entries.map((entry) => (
        <li key={entry.id} class={`feed-item by-${entry.by === 'guard' ? 'guard' : 'person'}`}>
          <span class="feed-time" title={entry.at}>
            {clockText(Date.parse(entry.at))}
          </span>
          <div class="feed-body">
            <p class="feed-what">
              {withSubject && <Subject entry={entry} />} {verbOf(entry)}
              {entry.forced === true && <Badge tone="warn">forced</Badge>}
              {entry.outcome === 'open' && <Badge tone="info">under way</Badge>}
              {entry.outcome === 'not made' && <Badge tone="bad">never came in force</Badge>}
            </p>
            <p class="feed-why">{entry.why}</p>
          </div>
          <p class="feed-who">
            {entry.by} · <Ago at={entry.at} />
          </p>
        </li>
      ))}
    </ol>
  );
}

function Subject({ entry: { about } }: { entry: AuditRow }) {
  return isEdge(about) ? (
    <Link to={{ page: 'edge', edge: about }}>{withArrows(about)}</Link>
  ) : (
    <strong>{about}</strong>
  );
}
