import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isBanyanError, messageOf } from '@banyan/runtime';
import { DevFile, devFolder } from '../dev-file.js';
import { outliveReaders } from '../outlive-readers.js';
import { ROOT } from '../root.js';
import { MigratedSystem, SERVICES } from '../system.js';
import { untilSignal } from '../until-signal.js';

const HELP = `npm run dev: PostgreSQL, NATS, the relay, the three services and the gateway, until Ctrl-C.

  --fresh        empty databases and streams, in a temporary folder (default: go on with those of the last time)
  --dir <folder> keep .banyan in this folder (default: the root of the repository)

Addresses and process ids go to .banyan/dev.json; \`npx banyan status\` finds it by itself. A process that dies is started
again on the same port.
`;

interface Options {
  /** The folder that holds `.banyan`. */
  root: string;
  fresh: boolean;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** @returns what was asked for, or that it was help */
function read(): Options | 'help' {
  const { values } = parseArgs({
    options: {
      fresh: { type: 'boolean', default: false },
      dir: { type: 'string', default: ROOT },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values.help ? 'help' : { root: resolve(values.dir), fresh: values.fresh };
}

async function main(options: Options): Promise<void> {
  const stopped = untilSignal();
  const file = await DevFile.claim(options.root);
  try {
    await run(options, file, stopped);
  } finally {
    await file.release();
  }
}

async function run({ root, fresh }: Options, file: DevFile, stopped: Promise<string>): Promise<void> {
  const dir = fresh ? '' : join(devFolder(root), 'dev');
  const system = await MigratedSystem.start({ dir, log: say });
  try {
    await file.follow(system, say);
    tellRestarts(system);
    for (const service of SERVICES) say(`${service} database: ${system.databaseUrl(service)}`);
    say(`logs: ${join(system.stack.dir, 'logs')}`);
    say(`ready; described in ${file.path}. Ctrl-C stops everything.`);
    say(`stopping after ${await stopped}`);
    system.supervisor.removeAllListeners();
    await file.withdraw();
  } finally {
    await system.stop();
  }
}

function tellRestarts({ supervisor }: MigratedSystem): void {
  supervisor.on('exited', ({ name, pid }) => say(`${name} (${pid}) died; starting it again`));
  supervisor.on('restarted', ({ name, pid }) => say(`${name} runs again as ${pid}`));
  supervisor.on('failed', ({ name, error }) => say(`${name} does not start: ${messageOf(error)}`));
}

outliveReaders();
try {
  const options = read();
  if (options === 'help') say(HELP);
  else await main(options);
  process.exit(0);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n${isBanyanError(error) ? `${error.remedy}\n` : ''}`);
  process.exit(1);
}
