import type { RelayTask } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';

type Fields = Record<string, unknown>;

/** Reads a task. @throws BanyanError BANYAN_TASK_REFUSED that says what it should be */
export function readTask(text: string): RelayTask {
  const fields = parse(text);
  const task = taskOf(fields, fields['apply'] === true);
  if (task !== undefined) return task;
  const known = 'audit, repair, new-epoch (reason, by), capture (table, on), captured';
  throw new BanyanError('BANYAN_TASK_REFUSED', `${text.slice(0, 200)} is no task; there are ${known}`);
}

function taskOf(fields: Fields, apply: boolean): RelayTask | undefined {
  const { do: what, reason, by, table, on } = fields;
  switch (what) {
    case 'audit':
    case 'captured':
      return { do: what };
    case 'repair':
      return { do: what, apply };
    case 'new-epoch':
      return isText(reason) && isText(by) ? { do: what, apply, reason, by } : undefined;
    case 'capture':
      return isText(table) && typeof on === 'boolean' ? { do: what, apply, table, on } : undefined;
    default:
      return undefined;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

function parse(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
