import type { BackfillReport } from '@banyan/contracts';

const BAR_CELLS = 24;

/** Rates are taken over so many ms. */
const WINDOW_MS = 10_000;

/** How fast rows come, from what was told at different times. */
export class Rate {
  #samples: { atMs: number; emitted: number }[] = [];

  /** Rows a second over the last seconds; undefined before there are two different times. */
  note(emitted: number, atMs: number): number | undefined {
    this.#samples.push({ atMs, emitted });
    this.#samples = this.#samples.filter((sample) => atMs - sample.atMs <= WINDOW_MS);
    const first = this.#samples[0];
    if (first === undefined || first.atMs === atMs) return undefined;
    return ((emitted - first.emitted) / (atMs - first.atMs)) * 1000;
  }
}

/** A backfill in one line: bar, rows, rate, and when it is expected to end. */
export function progressLine(report: BackfillReport, rate: number | undefined): string {
  const { source, aggregate, emitted, estimated, state } = report;
  const share = estimated === undefined ? undefined : Math.min(emitted / estimated, 0.999);
  const parts = [`${source}/${aggregate}`];
  if (state === 'running' && share !== undefined) parts.push(bar(share), `${(share * 100).toFixed(0)} %`);
  else parts.push(state);
  parts.push(`${emitted} rows${estimated === undefined ? '' : ` of about ${Math.max(estimated, emitted)}`}`);
  if (rate !== undefined && state === 'running') {
    parts.push(`${Math.round(rate)}/s`);
    if (estimated !== undefined && rate > 0)
      parts.push(`ETA ${duration((Math.max(0, estimated - emitted) / rate) * 1000)}`);
  }
  const because = becauseOf(report);
  return because === undefined ? parts.join('  ') : `${parts.join('  ')}  (${because})`;
}

/** Why it does not go on, or not as fast as it may. */
function becauseOf({ waitsFor, begunAt, slowedBy, lastError, state }: BackfillReport): string | undefined {
  if (state === 'running' && begunAt === undefined && waitsFor.length > 0) {
    const each = waitsFor.map(
      ({ pid, application, ageMs }) =>
        `${pid === undefined ? application : `pid ${pid} ${application}`}${ageMs === undefined ? '' : `, ${duration(ageMs)} old`}`,
    );
    return `waits for older transactions: ${each.join('; ')}`;
  }
  if (state === 'running') return slowedBy ?? lastError;
  return state === 'failed' ? lastError : undefined;
}

function bar(share: number): string {
  const full = Math.round(share * BAR_CELLS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}

/** `7s`, `3m 20s`, `2h 5m`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}
