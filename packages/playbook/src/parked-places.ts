import { BanyanError, isBanyanError } from '@banyan/runtime';
import { findStackDatabases } from './find-nats.js';
import { ParkedKeys, type KeyFilter, type ParkedKey } from './parked-keys.js';

/** A key, and the database that it is parked in. */
export interface ParkedPlace {
  keys: ParkedKeys;
  key: ParkedKey;
}

export interface PlacesSearch {
  /** As given with --database-url. */
  given: string | undefined;
  env: NodeJS.ProcessEnv;
  /** Where the search for `.banyan/dev.json` begins. */
  folder: string;
}

/** The databases that a command on parked keys is about: the one that is named, else all of the development stack. */
export class ParkedPlaces {
  readonly #all: readonly ParkedKeys[];

  private constructor(all: readonly ParkedKeys[]) {
    this.#all = all;
  }

  /** @throws BanyanError BANYAN_DATABASE_UNREACHABLE, BANYAN_SCHEMA_MISSING, BANYAN_OPTION_INVALID */
  static async open({ given, env, folder }: PlacesSearch): Promise<ParkedPlaces> {
    const named = given ?? env['DATABASE_URL'] ?? '';
    if (named !== '') return new ParkedPlaces([await ParkedKeys.open(named)]);
    const opened = await Promise.all(findStackDatabases(folder).map(openIfSubscribes));
    const all = opened.filter((keys) => keys !== undefined);
    if (all.length > 0) return new ParkedPlaces(all);
    throw new BanyanError('BANYAN_DATABASE_UNREACHABLE', 'no database address is known', {
      remedy: 'Give --database-url, set DATABASE_URL, or start the development stack with `npm run dev`.',
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((keys) => keys.close()));
  }

  async subscribers(): Promise<string[]> {
    const found = await Promise.all(this.#all.map((keys) => keys.subscribers()));
    return found.flat().sort();
  }

  async list(filter: KeyFilter): Promise<ParkedPlace[]> {
    const found = await Promise.all(
      this.#all.map(async (keys) => (await keys.list(filter)).map((key) => ({ keys, key }))),
    );
    return found.flat();
  }
}

/** Of a stack's databases some have no subscriber. */
async function openIfSubscribes(url: string): Promise<ParkedKeys | undefined> {
  try {
    return await ParkedKeys.open(url);
  } catch (error) {
    if (isBanyanError(error, 'BANYAN_SCHEMA_MISSING')) return undefined;
    throw error;
  }
}
