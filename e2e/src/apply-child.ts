import { once } from 'node:events';
import { run } from '@banyan/playbook';

/** What the child is told, in its first message. */
export interface ApplyChildConfig {
  args: string[];
  natsUrl: string;
  /** The events, as in `acting <step>`, at the first of which it is killed; none: it runs to its end. */
  killedAt: string[];
}

/** The `banyan` command as a process of its own, for tests that kill it at a line that it prints. */
const [{ args, natsUrl, killedAt }] = (await once(process, 'message')) as [ApplyChildConfig];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
  const { kind = '', step = '' } = JSON.parse(line) as { kind?: string; step?: string };
  if (killedAt.includes(`${kind} ${step}`)) process.kill(process.pid, 'SIGKILL');
}

process.exitCode = await run(args, {
  terminal: { out: say, err: (line) => process.stderr.write(`${line}\n`), confirm: undefined },
  env: { NATS_URL: natsUrl },
  folder: '/',
});
process.disconnect();
