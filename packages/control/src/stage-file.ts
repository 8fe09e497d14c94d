import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, type Logger } from '@banyan/runtime';
import { readRecord, storedForm, type StageRecord } from './stage-record.js';

/**
 * The last known stage of each edge on the local disk, so that a process which starts without the broker goes on where it
 * stood. Written whole and atomically: temporary file, fsync, rename, fsync of the folder. One file a process: two that
 * share a folder would overwrite each other's.
 */
export class StageFile {
  readonly #folder: string;
  readonly #logger: Logger;
  readonly #records = new Map<string, StageRecord>();
  #lastSave: Promise<unknown> = Promise.resolve();

  /** Reads what is there, at once: a process must know its stages before its first call. */
  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
    mkdirSync(folder, { recursive: true });
    for (const record of this.#load()) this.#records.set(record.edge, record);
  }

  get path(): string {
    return join(this.#folder, 'stages.json');
  }

  get(edge: string): StageRecord | undefined {
    return this.#records.get(edge);
  }

  /** Keeps a record; true once it is on disk. A disk that refuses is logged, never thrown: stages must go on changing. */
  async put(record: StageRecord): Promise<boolean> {
    this.#records.set(record.edge, record);
    const save = this.#lastSave.then(() => this.#save());
    this.#lastSave = save.catch(() => undefined);
    try {
      await save;
      return true;
    } catch (error) {
      this.#logger.error('cannot keep the stage on disk', { file: this.path, error: messageOf(error) });
      return false;
    }
  }

  /** Resolves once nothing is being written. */
  async settled(): Promise<void> {
    await this.#lastSave;
  }

  async #save(): Promise<void> {
    const temporary = `${this.path}.tmp`;
    const text = JSON.stringify({ stages: [...this.#records.values()].map(storedForm) }, undefined, 2);
    await withFile(temporary, 'w', async (file) => {
      await file.writeFile(text);
      await file.sync();
    });
    await rename(temporary, this.path);
    await withFile(this.#folder, 'r', (folder) => folder.sync());
  }

  #load(): StageRecord[] {
    try {
      const { stages } = JSON.parse(readFileSync(this.path, 'utf8')) as { stages?: unknown };
      if (!Array.isArray(stages)) return [];
      return stages.map(readRecord).filter((record) => record !== undefined);
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!missing)
        this.#logger.warn('the stage file is unreadable', { file: this.path, error: messageOf(error) });
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
