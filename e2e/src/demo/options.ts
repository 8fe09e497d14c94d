import { parseArgs } from 'node:util';
import type { Pace } from './demo-plan.js';

export const HELP = `npm run demo: walks playbooks/teams-projects-tasks.yaml under load: seven edges between three services move from gRPC
calls to events. On the way the relay is killed, a replica is damaged (the guard has to take its edge back), and
providers are cut off on purpose. Then it checks that the books balance. Two to three minutes. Exits with 1 if any
promise fails.

  --json         print one JSON object as the last line (all else goes to stderr)
  --keep         leave everything running at the end, until Ctrl-C; npx banyan finds it
  --quick        watch each step for a moment only, and ask for fewer comparisons before it
  --seed <n>     of the traffic (default 1)
`;

export interface Options {
  json: boolean;
  keep: boolean;
  seed: number;
  /** How long the calls are watched before anything is moved, in ms. */
  shownMs: number;
  pace: Pace;
}

/**
 * What the command line asks for, or that it asks for help.
 *
 * @throws Error that names what is wrong with it
 */
export function readOptions(): Options | 'help' {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { json, keep, quick, seed, help } = values;
  if (help) return 'help';
  if (!/^\d{1,9}$/.test(seed)) throw new Error(`--seed must be a whole number, not ${JSON.stringify(seed)}`);
  const pace = quick ? QUICK : { maxDisagreement: 0.02, minReactions: 20, soakMs: 1000 };
  return { json, keep, seed: Number(seed), shownMs: quick ? 1000 : 5000, pace };
}

const QUICK: Pace = { maxDisagreement: 0.09, minReactions: 10, soakMs: 200 };
