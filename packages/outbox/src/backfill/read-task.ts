import type { BackfillTask } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SHAPE =
  '{"do":"start"|"status"|"pause"|"resume"|"cancel","aggregate":"…","by":"…"}, start also "rowsPerSecond" and "id"';

/** Reads a request. @throws BanyanError BANYAN_BACKFILL_REFUSED that says what it should be */
export function readTask(data: string): BackfillTask {
  const task = parse(data);
  if (isTask(task)) return task;
  throw new BanyanError('BANYAN_BACKFILL_REFUSED', `${data.slice(0, 200)} is no task; it must be ${SHAPE}`);
}

function parse(data: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function isTask(task: object): task is BackfillTask {
  const { do: what, aggregate, by, rowsPerSecond, id } = task as Record<string, unknown>;
  if (typeof aggregate !== 'string' || !isName(by)) return false;
  if (what === 'status' || what === 'pause' || what === 'resume' || what === 'cancel') return true;
  return (
    what === 'start' &&
    (rowsPerSecond === undefined || isRate(rowsPerSecond)) &&
    (id === undefined || (typeof id === 'string' && UUID.test(id)))
  );
}

const isName = (value: unknown): boolean =>
  typeof value === 'string' && value.length > 0 && value.length <= 200;

const isRate = (value: unknown): boolean =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= 1_000_000;
