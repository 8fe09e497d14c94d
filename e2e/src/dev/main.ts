import { join } from 'node:path';
import { isBanyanError, messageOf } from '@banyan/runtime';
import { DEV_FILE, DevFile } from '../dev-file.js';
import { ROOT } from '../root.js';
import { MigratedSystem, SERVICES } from '../system.js';
import { untilSignal } from '../until-signal.js';

const HELP = `npm run dev: PostgreSQL, NATS, the relay and the three services, until Ctrl-C.

  --fresh   begin with empty databases and streams (default: those of the last time)

Addresses and process ids go to .banyan/dev.json; \`npx banyan status\` finds it by itself.
`;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

async function main(args: readonly string[]): Promise<void> {
  await DevFile.refuseSecond();
  const dir = args.includes('--fresh') ? '' : join(ROOT, '.banyan', 'dev');
  const stopped = untilSignal();
  const system = await MigratedSystem.start({ dir, log: say });
  const file = await DevFile.write(system);
  tellRestarts(system);
  for (const service of SERVICES) say(`${service} database: ${system.databaseUrl(service)}`);
  say(`logs: ${join(system.stack.dir, 'logs')}`);
  say(`ready; described in ${DEV_FILE}. Ctrl-C stops everything.`);
  say(`stopping after ${await stopped}`);
  system.supervisor.removeAllListeners();
  await file.remove();
  await system.stop();
}

function tellRestarts(system: MigratedSystem): void {
  system.supervisor.on('exited', ({ name, pid }) => say(`${name} (${pid}) died; starting it again`));
  system.supervisor.on('restarted', ({ name, pid }) => say(`${name} runs again as ${pid}`));
  system.supervisor.on('failed', ({ name, error }) => say(`${name} does not start: ${messageOf(error)}`));
}

const args = process.argv.slice(2);
if (args.includes('--help')) process.stdout.write(HELP);
else {
  try {
    await main(args);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${isBanyanError(error) ? `${error.remedy}\n` : ''}`);
    process.exit(1);
  }
}
