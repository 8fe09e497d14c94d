/** One operation of one session, as its client saw it end. Sessions do one after the other. */
export interface Operation {
  session: number;
  does: 'write' | 'read' | 'list';
  /** Which way it went, for whoever reads of a violation. */
  via: string;
  startMs: number;
  endMs: number;
  /** What it showed, or wrote: the version of each project; null: there is no such project. */
  shown: ReadonlyMap<string, number | null>;
}

export interface Violation {
  /** `own-write`: older than what the session wrote · `monotonic`: older than what it had read. */
  breaks: 'own-write' | 'monotonic';
  operation: Operation;
  key: string;
  /** The version that the session had seen. */
  seen: number;
  by: Operation;
}

/** The versions that are deletes: what reads "there is no such project". */
export type Deletes = ReadonlyMap<string, ReadonlySet<number>>;

/**
 * Checks what sessions recorded for read-your-writes and monotonic reads (Terry et al., "Session Guarantees for Weakly
 * Consistent Replicated Data", 1994): no session is shown a version below one that it wrote or was shown before.
 */
export function violationsOf(history: readonly Operation[], deletes: Deletes): Violation[] {
  const sessions = [...new Set(history.map(({ session }) => session))];
  return sessions.flatMap((session) =>
    new SessionCheck(deletes).run(history.filter((operation) => operation.session === session)),
  );
}

class SessionCheck {
  readonly #deletes: Deletes;
  readonly #seen = new Map<string, { version: number; by: Operation }>();
  readonly #violations: Violation[] = [];

  constructor(deletes: Deletes) {
    this.#deletes = deletes;
  }

  run(operations: readonly Operation[]): Violation[] {
    for (const operation of operations)
      for (const [key, version] of operation.shown) this.#add(operation, key, version);
    return this.#violations;
  }

  #add(operation: Operation, key: string, version: number | null): void {
    const seen = this.#seen.get(key);
    if (seen !== undefined && this.#isOlder(key, version, seen.version)) {
      const breaks = seen.by.does === 'write' ? 'own-write' : 'monotonic';
      this.#violations.push({ breaks, operation, key, seen: seen.version, by: seen.by });
    }
    if (version !== null && version > (seen?.version ?? 0)) this.#seen.set(key, { version, by: operation });
  }

  /** "There is none" is right if some delete is no older than what was seen. */
  #isOlder(key: string, version: number | null, seen: number): boolean {
    if (version !== null) return version < seen;
    return ![...(this.#deletes.get(key) ?? [])].some((deleted) => deleted >= seen);
  }
}

export function describeViolation({ breaks, operation, key, seen, by }: Violation): string {
  const shown = operation.shown.get(key) ?? 'nothing';
  return `${breaks}: session ${operation.session} was shown ${shown} of ${key} (${operation.does} via ${operation.via}) after ${seen} (${by.does} via ${by.via}, ended ${operation.startMs - by.endMs} ms before)`;
}
