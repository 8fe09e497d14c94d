import { run } from '../main.js';
import type { Terminal } from '../terminal.js';

/** How a command ended. */
export interface Ended {
  code: number;
  out: string;
  err: string;
  /** What it printed, which must be one object. */
  readonly json: unknown;
}

export interface RunBanyan {
  env?: NodeJS.ProcessEnv;
  folder?: string;
  /** What a person at the terminal answers; absent: nobody is there. */
  answer?: boolean;
  terminal?: Partial<Terminal>;
}

/** Runs one `banyan` command in this process. */
export async function runBanyan(
  args: readonly string[],
  { env = {}, folder = '/', answer, terminal }: RunBanyan = {},
): Promise<Ended> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await run(args, {
    terminal: {
      out: (line) => void out.push(line),
      err: (line) => void err.push(line),
      confirm: answer === undefined ? undefined : () => Promise.resolve(answer),
      ...terminal,
    },
    env,
    folder,
  });
  const printed = out.join('\n');
  return {
    code,
    out: printed,
    err: err.join('\n'),
    get json(): unknown {
      return JSON.parse(printed) as unknown;
    },
  };
}
