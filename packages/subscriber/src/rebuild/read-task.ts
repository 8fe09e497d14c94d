import type { RebuildTask } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';

const SHAPE =
  '{"do":"start"|"swap"|"status"|"abort","replica":"…","by":"…"}, start and swap also "swap" and "dropOld"';

/** Reads a request. @throws BanyanError BANYAN_REBUILD_REFUSED that says what it should be */
export function readTask(data: string): RebuildTask {
  const { do: what, replica, by, swap, dropOld } = parse(data);
  const named = typeof by === 'string' && by !== '' && by.length <= 200;
  if (named && what === 'accept-epoch') return { do: what, by };
  if (named && typeof replica === 'string') {
    if (what === 'status' || what === 'abort') return { do: what, replica, by };
    if (what === 'start' || what === 'swap')
      return { do: what, replica, by, swap: swap === true, dropOld: dropOld === true };
  }
  throw new BanyanError('BANYAN_REBUILD_REFUSED', `${data.slice(0, 200)} is no task; it must be ${SHAPE}`);
}

function parse(data: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
