import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { readPlan, type Plan } from '@banyan/playbook';
import { parse, stringify } from 'yaml';
import { PLAYBOOK } from '../root.js';

/** How sure the gates have to be, and how long each step is looked at. */
export interface Pace {
  /** The share of the answers that may differ, of which the gates have to be sure. */
  maxDisagreement: number;
  /** Effects that must have been seen before calls go: rare ones come once a second here. */
  minReactions: number;
  soakMs: number;
}

/**
 * The playbook of the three services, at another pace than it says: its steps and their order are what is written there. It is a
 * file, so that the gateway shows and judges by what is walked.
 */
export class DemoPlaybook {
  readonly file: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'banyan-demo-'));

  constructor({ soakMs, ...pace }: Pace) {
    const written = parse(readFileSync(PLAYBOOK, 'utf8')) as { defaults?: { gate?: object } };
    const gate = { ...written.defaults?.gate, ...pace };
    this.file = join(this.#folder, basename(PLAYBOOK));
    writeFileSync(this.file, stringify({ ...written, defaults: { soak: `${soakMs}ms`, gate } }));
  }

  plan(): Plan {
    return readPlan(this.file);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
