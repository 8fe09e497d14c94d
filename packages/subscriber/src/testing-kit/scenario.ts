import { randomBytes } from 'node:crypto';
import type { Fact } from '@banyan/contracts';
import { BanyanError, resolveOptions, text, type OptionRules } from '@banyan/runtime';
import { replicasOf, type SubscriberOptions } from '../options.js';
import { compare, type Expected, type Outcome } from './difference.js';
import { Replay } from './replay.js';
import { storyOf } from './story.js';
import { TestTables, type Row } from './test-tables.js';
import { variantsOf, type Variant } from './variants.js';

type Handlers = SubscriberOptions['handlers'];

/** Options of scenarios. */
export interface ScenarioOptions {
  /** A database of its own, with the migrations of the role `subscriber` and the handlers' tables. Required. */
  databaseUrl: string;
  /**
   * The handlers under test. Give a function that makes them, so that a restart forgets what they keep in memory, as a real
   * one would. Required.
   */
  handlers: Handlers | (() => Handlers);
  /** Tables that the handlers write to. They have to be empty, and are emptied before each replay. Default: the replicas’. */
  tables: readonly string[];
  /** The query whose rows are compared, with an `order by`. 64-bit numbers come as numbers. Default: all of the only replica. */
  rows: string;
}

const RULES: OptionRules<ScenarioOptions> = {
  databaseUrl: text(),
  handlers: {
    must: 'a list of handlers and replicas, or a function that makes one',
    check: (value): value is ScenarioOptions['handlers'] =>
      Array.isArray(value) || typeof value === 'function',
  },
  tables: {
    must: 'a list of names of tables',
    check: (value): value is readonly string[] =>
      Array.isArray(value) && value.every((each) => typeof each === 'string' && /^[a-z_][\w.]*$/.test(each)),
  },
  rows: text(),
};

/** What happened: an event or several. `factOf(definition, data)` makes one. */
export type Happened = Fact | readonly Fact[];

export interface Scenario {
  /** What had happened before. */
  given: (...events: Happened[]) => ScenarioEvents;
  /** What happens, where nothing had. */
  when: (...events: Happened[]) => Expectation;
}

export interface ScenarioEvents {
  when: (...events: Happened[]) => Expectation;
}

export interface Expectation {
  /**
   * Replays the events in every way in which they may come, and expects these rows each time, and nothing parked.
   * @throws AssertionError that names the way and shows the rows that differ
   */
  then: (rows: readonly Row[]) => Promise<void>;
  /** The same, with these keys (`project/p1`) parked since a handler failed. Without rows they are not compared. */
  thenParked: (keys: readonly string[], rows?: readonly Row[]) => Promise<void>;
}

/**
 * Tests handlers on a real database, through what a subscriber applies events with: `scenario(…).given(…).when(…).then(rows)`.
 * The same events come in one batch, one by one, twice, after restarts and crashes, with gaps.
 *
 * @throws BanyanError BANYAN_OPTION_INVALID
 */
export function scenario(
  given: Pick<ScenarioOptions, 'databaseUrl' | 'handlers'> & Partial<ScenarioOptions>,
): Scenario {
  const options = resolveOptions('scenario', RULES, { ...defaultsOf(given.handlers), ...given });
  const whenAfter =
    (before: readonly Fact[]) =>
    (...events: Happened[]): Expectation =>
      new ReplayedExpectation(options, [...before, ...events.flat()]);
  return {
    given: (...events) => ({ when: whenAfter(events.flat()) }),
    when: whenAfter([]),
  };
}

function defaultsOf(handlers: unknown): Partial<ScenarioOptions> {
  const made: unknown = typeof handlers === 'function' ? (handlers as () => Handlers)() : handlers;
  if (!Array.isArray(made)) return {};
  const replicas = replicasOf(made as Handlers).map(({ options }) => options);
  const [only] = replicas;
  const tables = replicas.map(({ table }) => table);
  if (only === undefined || replicas.length > 1) return { tables };
  return { tables, rows: `select ${only.columns.join(', ')} from ${only.table} order by ${only.key}` };
}

class ReplayedExpectation implements Expectation {
  readonly #options: ScenarioOptions;
  readonly #facts: readonly Fact[];
  readonly #subscriber = `scenario-${randomBytes(6).toString('hex')}`;

  constructor(options: ScenarioOptions, facts: readonly Fact[]) {
    this.#options = options;
    this.#facts = facts;
  }

  async then(rows: readonly Row[], reject?: (error: Error) => void): Promise<void> {
    if (Array.isArray(rows)) return this.#replayAll({ rows, parked: [] });
    // Whoever awaits a scenario that has no end calls this as a promise's method.
    const what = 'a scenario ends with .then([rows]) or .thenParked([keys])';
    const error = new BanyanError('BANYAN_OPTION_INVALID', what);
    if (reject === undefined) throw error;
    reject(error);
  }

  async thenParked(keys: readonly string[], rows?: readonly Row[]): Promise<void> {
    await this.#replayAll({ rows, parked: keys });
  }

  async #replayAll(expected: Expected): Promise<void> {
    const { databaseUrl, tables: names } = this.#options;
    const tables = await TestTables.open(databaseUrl, { subscriber: this.#subscriber, tables: names });
    try {
      for (const variant of variantsOf(storyOf(this.#facts))) {
        compare(variant.name, await this.#replay(variant, tables), expected);
        await tables.clear();
      }
    } finally {
      await tables.clear();
      await tables.close();
    }
  }

  async #replay({ steps }: Variant, tables: TestTables): Promise<Outcome> {
    const { databaseUrl, handlers } = this.#options;
    const make = typeof handlers === 'function' ? handlers : () => handlers;
    const replay = new Replay({ databaseUrl, subscriber: this.#subscriber, handlers: make });
    try {
      for (const step of steps) await replay.take(step);
    } finally {
      await replay.stop();
    }
    return { rows: await tables.read(this.#options.rows), parked: replay.parked };
  }
}
