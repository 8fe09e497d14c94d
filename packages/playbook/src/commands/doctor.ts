import type { Command } from 'commander';
import { examine } from '../doctor/examine.js';
import type { Finding } from '../doctor/finding.js';
import { EXIT } from '../exit-code.js';
import { table } from '../table.js';
import type { Surroundings } from './command-options.js';

const EXAMPLES = `
Examples:
  banyan doctor                                         what the development stack or the environment names
  banyan doctor --nats nats://nats:4222 --database-url postgres://relay@db/projects
  banyan doctor --database-url postgres://db/projects --database-url postgres://db/tasks --json

It looks at what it is given the address of, and says of the rest that it is unchecked. It changes nothing.
Exit codes: 0 nothing fails; 1 something does.`;

interface DoctorOptions {
  nats?: string;
  databaseUrl: string[];
  json?: boolean;
}

/** `banyan doctor`: every dependency, version, permission and setting, and what to do about it. Changes nothing. */
export function addDoctor(program: Command, surroundings: Surroundings): void {
  program
    .command('doctor')
    .description('check every dependency, version, permission and setting, and say the remedy')
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option(
      '--database-url <url>',
      'a database, once for each; else DATABASE_URL, else .banyan/dev.json',
      (url: string, all: string[]) => [...all, url],
      [],
    )
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', EXAMPLES)
    .action(async ({ nats, databaseUrl, json }: DoctorOptions) => {
      const { terminal, env, folder, ended } = surroundings;
      const findings = await examine({ nats, databases: databaseUrl, env, folder });
      const ok = findings.every(({ outcome }) => outcome !== 'fail');
      if (json === true) terminal.out(JSON.stringify({ ok, counts: countsOf(findings), findings }));
      else for (const line of linesOf(findings)) terminal.out(line);
      ended(ok ? EXIT.done : EXIT.failed);
    });
}

const OUTCOMES = ['ok', 'warn', 'fail', 'unchecked'] as const;

function countsOf(findings: readonly Finding[]): Record<string, number> {
  return Object.fromEntries(
    OUTCOMES.map((each) => [each, findings.filter(({ outcome }) => outcome === each).length]),
  );
}

/** Under the table the remedies, the failures' first. */
function linesOf(findings: readonly Finding[]): string[] {
  const rows = findings.map(({ area, what, outcome, found }) => [outcome, area, what, found]);
  const remedies = (['fail', 'warn', 'unchecked'] as const).flatMap((each) =>
    findings.filter(({ outcome }) => outcome === each).flatMap(remedyLines),
  );
  const counts = Object.entries(countsOf(findings)).map(([outcome, count]) => `${count} ${outcome}`);
  return [...table(['', 'AREA', 'WHAT', 'FOUND'], rows), '', ...remedies, counts.join(', ')];
}

function remedyLines({ outcome, what, remedy }: Finding): string[] {
  return remedy === undefined ? [] : [`${outcome}: ${what}`, `  ${remedy}`, ''];
}
