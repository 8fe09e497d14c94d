import type { Command } from 'commander';
import { EXIT } from '../exit-code.js';
import { checkPlan } from '../plan/check-plan.js';
import type { Fault } from '../plan/fault.js';
import { findPlaybook } from '../plan/find-playbook.js';
import type { Plan } from '../plan/plan.js';
import { readPlaybook } from '../plan/read-playbook.js';
import { resolvePlan } from '../plan/resolve-plan.js';
import { table } from '../table.js';
import type { Surroundings } from './command-options.js';

const EXAMPLES = `
Examples:
  banyan plan                                      the only playbook in ./playbooks
  banyan plan playbooks/teams-projects-tasks.yaml
  banyan plan --json

Exit codes: 0 the plan is sound; 1 it is not, or cannot be read.`;

/** `banyan plan [playbook]`: checks a whole plan before any of it runs. Needs no services, changes nothing. */
export function addPlan(program: Command, surroundings: Surroundings): void {
  program
    .command('plan')
    .description('check a playbook as transitions: each order its steps may come in, each way back')
    .argument('[playbook]', 'the file; else the only one in playbooks/ here or above')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', EXAMPLES)
    .action((file: string | undefined, options: { json?: boolean }) => {
      const plan = resolvePlan(readPlaybook(findPlaybook(file, surroundings.folder)));
      const faults = checkPlan(plan);
      const { terminal, ended } = surroundings;
      const lines = faults.length === 0 ? soundLines(plan) : faults.flatMap(faultLines);
      if (options.json === true) terminal.out(JSON.stringify(jsonOf(plan, faults)));
      else for (const line of lines) terminal.out(line);
      ended(faults.length === 0 ? EXIT.done : EXIT.failed);
    });
}

function jsonOf(plan: Plan, faults: readonly Fault[]): object {
  return {
    ok: faults.length === 0,
    playbook: plan.name,
    faults,
    steps: plan.steps.map(({ text, id, at, action, after }) => ({ text, id, at, action, after })),
  };
}

function soundLines(plan: Plan): string[] {
  const rows = plan.steps.map(({ index, text, after }) => [
    index + 1,
    text,
    after.map((each) => each + 1).join(', ') || '-',
  ]);
  return [
    ...table(['STEP', 'WHAT', 'AFTER'], rows),
    '',
    `${plan.name}: ${plan.edges.size} edges, ${plan.steps.length} steps; sound in every order that they may come in`,
  ];
}

function faultLines({ kind, at, message, trace, remedy }: Fault): string[] {
  const run = trace.map((line, i) => (line.startsWith('! ') ? `     ${line}` : `  ${i + 1}. ${line}`));
  return [`${at}: ${kind}: ${message}`, ...run, `  ${remedy}`, ''];
}
