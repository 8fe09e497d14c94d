import { Command, InvalidArgumentError } from 'commander';
import { startStack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { connect } from '@nats-io/transport-node';
import { Pool } from 'pg';
import { ReactionChaos, type ChaosOptions, type ChaosOutcome } from './reaction-chaos.js';
import { TABLES } from './stage.js';

interface Options {
  count: number;
  keys: number;
  withCall?: boolean;
}

function above0(value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

/** `npm run chaos -- reactions`: each reaction is done once, through flips and kills. Ends with one JSON object. */
await new Command('chaos')
  .command('reactions')
  .option('--count <n>', 'reactions at least', above0, 100_000)
  .option('--keys <n>', 'keys', above0, 1_000)
  .option('--with-call', 'move through the stage call too; then the caller is not killed')
  .option('--json', 'print nothing else (it never does)')
  .action(async ({ count, keys, withCall }: Options) => {
    const stages =
      withCall === true ? (['call', 'dual', 'event', 'dual'] as const) : (['dual', 'event'] as const);
    const outcome = await onOwnGround({ count, keys, stages, flipEveryMs: 50, killEveryMs: 1_500 });
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
    process.exitCode = outcome.ok ? 0 : 1;
  })
  .parent?.parseAsync();

/** PostgreSQL and NATS of its own, gone when it has ended. */
async function onOwnGround(options: ChaosOptions): Promise<ChaosOutcome> {
  const stack = await startStack({ dir: '', databases: ['chaos'], log: () => undefined });
  const url = stack.postgres.url('chaos');
  const pool = new Pool({ connectionString: url });
  try {
    await migrate({ databaseUrl: url, roles: ['outbox', 'subscriber'] });
    for (const statement of TABLES) await pool.query(statement);
    const connection = await connect({ servers: stack.urls.nats });
    return await ReactionChaos.run(options, {
      database: { url, pool },
      nats: { url: stack.urls.nats, connection },
    });
  } finally {
    await pool.end();
    await stack.stop();
  }
}
