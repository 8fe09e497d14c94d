/**
 * What an entry is about: a change of an `edge` or a `flag` · a `run` of a playbook · what was done with `parked` keys · a
 * `rehearsal` · an edge that was proven `quiet`, or was called after · the `log` itself.
 */
export const AUDIT_KINDS = ['edge', 'flag', 'run', 'parked', 'rehearsal', 'quiet', 'log'] as const;

export type AuditKind = (typeof AUDIT_KINDS)[number];

/** One thing that somebody did, or was about to do: an entry is written before what it tells of. */
export interface AuditEntry {
  /** Unlike any other's. Of a change of an edge or a flag: its `changeId`. */
  id: string;
  kind: AuditKind;
  /** The edge, flag, playbook or key. */
  about: string;
  /** When, ISO 8601. */
  at: string;
  by: string;
  why: string;
  /** Where it stood before, and where it was to stand; of what is no change, what was done. */
  from?: string;
  to?: string;
  /** What was known when it was decided: a gate's verdict. */
  evidence?: unknown;
  /** The gate did not pass, and it was done all the same. */
  forced?: true;
  /** What else there is to know, by kind. */
  details?: Readonly<Record<string, unknown>>;
}

/** An entry to be written; id and time are made if they are not given. */
export type NewAuditEntry = Omit<AuditEntry, 'id' | 'at'> & Partial<Pick<AuditEntry, 'id' | 'at'>>;

const PREFIX = 'audit';

/** All entries' subjects. */
export const AUDIT_SUBJECTS = `${PREFIX}.>`;

/**
 * `audit.edge.tasks.projects.GetProject`, `audit.flag.orders.by-event`: who may write which is for NATS permissions to say.
 *
 * @param kind `*` for all
 */
export function auditSubjectOf(kind: AuditKind | '*', about: string): string {
  return `${PREFIX}.${kind}.${tokensOf(about)}`;
}

export function auditSubjectsOf(kind: AuditKind): string {
  return `${PREFIX}.${kind}.>`;
}

/** Edges as in their key; whatever else no subject may hold becomes `_`, so several can share one: entries tell them apart. */
function tokensOf(about: string): string {
  const tokens = about
    .replace(/\s*->\s*/, '.')
    .split('.')
    .map((token) => token.replaceAll(/[^\w-]/g, '_'));
  return tokens.map((token) => (token === '' ? '_' : token)).join('.');
}

/** Reads an entry; undefined for anything that is none. */
export function decodeAuditEntry(data: string): AuditEntry | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isEntry(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is AuditEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { id, kind, about, at, by, why, from, to, details } = value as Record<string, unknown>;
  const texts = [id, about, at, by, why].every((text) => typeof text === 'string');
  const steps = [from, to].every((text) => text === undefined || typeof text === 'string');
  const known: readonly unknown[] = AUDIT_KINDS;
  return texts && steps && known.includes(kind) && (details === undefined || isObject(details));
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
