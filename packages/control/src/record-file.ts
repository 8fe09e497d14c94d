import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, type Logger } from '@banyan/runtime';

/** How records of a kind lie in their file. */
export interface RecordForm<R> {
  /** The file `<list>.json` holds `{ "<list>": [record, …] }`. */
  list: string;
  /** What the record is of; the latest of each is kept. */
  nameOf: (record: R) => string;
  store: (record: R) => object;
  /** undefined: it is no record. */
  read: (stored: unknown) => R | undefined;
}

/**
 * The last known record of each edge, or of each flag, on the local disk, so that a process which starts without the broker
 * goes on where it stood. Written whole and atomically: temporary file, fsync, rename, fsync of the folder. One folder a
 * process: two that share one would overwrite each other's files.
 */
export class RecordFile<R> {
  readonly #folder: string;
  readonly #form: RecordForm<R>;
  readonly #logger: Logger;
  readonly #records = new Map<string, R>();
  #lastSave: Promise<unknown> = Promise.resolve();

  /** Reads what is there, at once: a process must know its stages before its first call. */
  constructor(folder: string, form: RecordForm<R>, logger: Logger) {
    this.#folder = folder;
    this.#form = form;
    this.#logger = logger;
    mkdirSync(folder, { recursive: true });
    for (const record of this.#load()) this.#records.set(form.nameOf(record), record);
  }

  get path(): string {
    return join(this.#folder, `${this.#form.list}.json`);
  }

  get(name: string): R | undefined {
    return this.#records.get(name);
  }

  all(): R[] {
    return [...this.#records.values()];
  }

  /** Keeps a record; true once it is on disk. A disk that refuses is logged, never thrown: stages must go on changing. */
  async put(record: R): Promise<boolean> {
    this.#records.set(this.#form.nameOf(record), record);
    const save = this.#lastSave.then(() => this.#save());
    this.#lastSave = save.catch(() => undefined);
    try {
      await save;
      return true;
    } catch (error) {
      this.#logger.error('cannot keep a change on disk', { file: this.path, error: messageOf(error) });
      return false;
    }
  }

  /** Resolves once nothing is being written. */
  async settled(): Promise<void> {
    await this.#lastSave;
  }

  async #save(): Promise<void> {
    const temporary = `${this.path}.tmp`;
    const { list, store } = this.#form;
    const text = JSON.stringify({ [list]: this.all().map(store) }, undefined, 2);
    await withFile(temporary, 'w', async (file) => {
      await file.writeFile(text);
      await file.sync();
    });
    await rename(temporary, this.path);
    await withFile(this.#folder, 'r', (folder) => folder.sync());
  }

  #load(): R[] {
    try {
      const { [this.#form.list]: stored } = JSON.parse(readFileSync(this.path, 'utf8')) as Record<
        string,
        unknown
      >;
      if (!Array.isArray(stored)) return [];
      return stored.map(this.#form.read).filter((record) => record !== undefined);
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!missing)
        this.#logger.warn('the file of last known records is unreadable', {
          file: this.path,
          error: messageOf(error),
        });
      return [];
    }
  }
}

type Handle = Awaited<ReturnType<typeof open>>;

async function withFile(path: string, flags: string, use: (file: Handle) => Promise<void>): Promise<void> {
  const file = await open(path, flags);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
