import { run } from '@banyan/playbook';

/** What the child is told in its one argument, as JSON. */
export interface ApplyChildConfig {
  args: string[];
  natsUrl: string;
  /** The event at which it is gone, as if it were killed there; absent: it runs to its end. */
  killedAt?: { kind: string; step: string };
}

/** The `banyan` command as a process of its own, for tests that kill it at a line that it prints. */
const { args, natsUrl, killedAt } = JSON.parse(process.argv[2] ?? '{}') as ApplyChildConfig;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
  const { kind, step } = JSON.parse(line) as { kind?: string; step?: string };
  if (killedAt !== undefined && kind === killedAt.kind && step === killedAt.step)
    process.kill(process.pid, 'SIGKILL');
}

process.exitCode = await run(args, {
  terminal: { out: say, err: (line) => process.stderr.write(`${line}\n`), confirm: undefined },
  env: { NATS_URL: natsUrl },
  folder: '/',
});
