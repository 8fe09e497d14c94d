import { isBanyanError, messageOf } from '@banyan/runtime';
import { readFlags } from './flags.js';
import { HELP } from './help.js';
import { runNewEpoch } from './new-epoch-command.js';
import { FLAGS, readSettings } from './process-settings.js';
import { RelayProcess } from './relay-process.js';

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === 'new-epoch') {
    process.exitCode = await runNewEpoch(args.slice(1), process.env);
    return;
  }
  const flags = readFlags(args, FLAGS);
  if (flags.has('help')) {
    process.stdout.write(HELP);
    return;
  }
  const relay = await RelayProcess.start(readSettings(flags, process.env));
  process.stdout.write(
    `${JSON.stringify({ ready: true, service: 'relay', pid: process.pid, http: relay.http })}\n`,
  );
  const stop = (): void => void relay.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const remedy = isBanyanError(error) ? error.remedy : 'See banyan-relay --help.';
  process.stderr.write(`banyan-relay: ${messageOf(error)}\n${remedy}\n`);
  process.exit(1);
}
