import type { ComponentChildren } from 'preact';
import type { Problem } from '../api/problem.js';
import { Icon, type IconName } from './icon.js';

/** There is nothing of the kind, and why, or how there could be. */
export function Empty({
  icon = 'check',
  title,
  children,
}: {
  icon?: IconName;
  title: string;
  children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <Icon name={icon} size={20} />
      <p class="empty-title">{title}</p>
      {children !== undefined && <p class="muted">{children}</p>}
    </div>
  );
}

/** Room for what is on its way. */
export function Loading({ what, lines = 3 }: { what: string; lines?: number }) {
  return (
    <div class="loading" role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} class="skeleton" />
      ))}
    </div>
  );
}

/** What went wrong, in the gateway's own words. */
export function Failure({ problem, children }: { problem: Problem; children?: ComponentChildren }) {
  const { title, detail, code, remedy, reasons = [] } = problem;
  return (
    <div class="failure" role="alert">
      <Icon name="warning" />
      <div>
        <p class="failure-title">
          {title}
          {code !== undefined && <code>{code}</code>}
        </p>
        {detail !== undefined && detail !== title && <p>{detail}</p>}
        {reasons.length > 0 && (
          <ul>
            {reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        )}
        {remedy !== undefined && <p class="muted">{remedy}</p>}
        {children}
      </div>
    </div>
  );
}
