import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { defaultTerms, readTrail } from '@banyan/control';
import { BanyanError, isBanyanError, messageOf } from '@banyan/runtime';
import { termsIn } from '../apply/gate-terms.js';
import { withControlPlane } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import type { ParkedKey } from '../parked-keys.js';
import { ParkedPlaces } from '../parked-places.js';
import { findPlaybook } from '../plan/find-playbook.js';
import type { Plan } from '../plan/plan.js';
import { readPlaybook } from '../plan/read-playbook.js';
import { resolvePlan } from '../plan/resolve-plan.js';
import { htmlOf } from '../report/html.js';
import { markdownOf } from '../report/markdown.js';
import { migrationOf, type Migration } from '../report/migration.js';
import { pageOf } from '../report/page.js';
import { askedOver, withCommonOptions, type CommonOptions, type Surroundings } from './command-options.js';

const EXAMPLES = `
Examples:
  banyan report                                        Markdown on standard output
  banyan report --html migration.html                  one page that needs nothing else, in light and dark
  banyan report --playbook playbooks/teams.yaml --html migration.html
  banyan report --json

Without --playbook the only one in playbooks/ is taken, if there is just one; without any, all edges are shown.`;

interface ReportOptions extends CommonOptions {
  html?: string;
  markdown?: boolean;
  databaseUrl?: string;
}

/** `banyan report`: one page of a migration. Changes nothing but the file that it is told to write. */
export function addReport(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('report')
    .description('one page of a migration: where it stands, what happened, on what evidence');
  withCommonOptions(command)
    .option('--playbook <file>', 'whose edges, owners, targets and gates to show')
    .option('--html <file>', 'write one self-contained HTML page; - for standard output')
    .option('--markdown', 'print Markdown, which is the default')
    .option('--database-url <url>', 'for parked keys; else DATABASE_URL, else .banyan/dev.json')
    .addHelpText('after', EXAMPLES)
    .action(async (options: ReportOptions) => {
      const server = findNats({ given: options.nats, ...surroundings });
      const plan = planOf(options.playbook, surroundings.folder);
      const termsFor = askedOver(plan === undefined ? defaultTerms : termsIn(plan), options);
      const parked = await parkedKeys(options.databaseUrl, surroundings);
      const migration = await withControlPlane(server, termsFor, async (plane) => {
        const trail = await readTrail(plane.connection);
        return migrationOf({ edges: plane.edges, trail, plan, parked, at: new Date().toISOString() });
      });
      tell(migration, options, surroundings);
      surroundings.ended(EXIT.done);
    });
}

/** A playbook that is named has to be there; one that is not named may be missing. */
function planOf(given: string | undefined, folder: string): Plan | undefined {
  if (given !== undefined) return resolvePlan(readPlaybook(resolve(folder, given)));
  try {
    return resolvePlan(readPlaybook(resolve(folder, findPlaybook(undefined, folder))));
  } catch (error) {
    if (isBanyanError(error, 'BANYAN_PLAYBOOK_INVALID')) return undefined;
    throw error;
  }
}

async function parkedKeys(
  given: string | undefined,
  { env, folder }: Surroundings,
): Promise<ParkedKey[] | null> {
  try {
    const places = await ParkedPlaces.open({ given, env, folder });
    try {
      return (await places.list({ subscriber: undefined, source: undefined })).map(({ key }) => key);
    } finally {
      await places.close();
    }
  } catch (error) {
    // What was asked for has to be there; a report without it is still a report.
    if (given !== undefined || !isBanyanError(error)) throw error;
    return null;
  }
}

function tell(migration: Migration, options: ReportOptions, { terminal, folder }: Surroundings): void {
  const { html, json } = options;
  if (html !== undefined && html !== '-') {
    const file = resolve(folder, html);
    const isReplaced = existsSync(file);
    write(file, htmlOf(pageOf(migration)));
    if (json !== true) terminal.out(`${isReplaced ? 'wrote anew' : 'wrote'} ${file}`);
  }
  if (json === true) terminal.out(JSON.stringify({ ok: true, migration }));
  else if (html === '-') terminal.out(htmlOf(pageOf(migration)));
  else if (html === undefined || options.markdown === true) terminal.out(markdownOf(pageOf(migration)));
}

function write(file: string, content: string): void {
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw new BanyanError('BANYAN_OPTION_INVALID', `${file} cannot be written: ${messageOf(error)}`, {
      cause: error,
      remedy: 'Name a file in a folder that is there and may be written to.',
    });
  }
}
