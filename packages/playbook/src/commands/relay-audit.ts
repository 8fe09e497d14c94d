import { isSound, type StreamAudit } from '@banyan/contracts';
import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../exit-code.js';
import { auditLines } from '../show-audit.js';
import type { Surroundings } from './command-options.js';
import { withRelay, withTaskOptions, type TaskContext, type TaskOptions } from './relay-task.js';

const EXAMPLES = `
A relay of the source compares every position that the outbox still holds with the stream. Writers and relays go on.

Examples:
  banyan relay audit projects
  banyan relay audit projects --json

Exit codes: 0 the same events at the same positions; 1 not so; 2 only the stream's end is missing, and a relay that leads
publishes it.`;

/** `banyan relay audit <source>`: compares stream and outbox. Changes nothing. */
export function addRelayAudit(relay: Command, surroundings: Surroundings): void {
  const command = relay.command('audit').description('compare a stream with the retained outbox');
  withTaskOptions(command)
    .argument('<source>', 'as in `banyan relay status`')
    .addHelpText('after', EXAMPLES)
    .action((source: string, options: TaskOptions) =>
      withRelay({ source, prefer: 'leading' }, { options, surroundings }, audit),
    );
}

async function audit({ give, relay, options, surroundings }: TaskContext): Promise<void> {
  const found = await give<StreamAudit>({ do: 'audit' });
  const { terminal, ended } = surroundings;
  if (options.json === true) terminal.out(JSON.stringify({ ok: isSound(found), relay, audit: found }));
  else for (const line of auditLines(found)) terminal.out(line);
  ended(codeOf(found));
}

function codeOf(found: StreamAudit): ExitCode {
  if (isSound(found)) return EXIT.done;
  return found.repair === 'relay' ? EXIT.notYet : EXIT.failed;
}
