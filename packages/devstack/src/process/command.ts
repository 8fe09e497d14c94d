import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface CommandOptions {
  timeoutMs: number;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  user?: { uid: number; gid: number } | undefined;
}

/**
 * The standard output of a command.
 *
 * @throws Error whose message names the command and the last line of what it said
 */
export async function outputOf(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<string> {
  const { timeoutMs, user, ...rest } = options;
  try {
    const { stdout } = await run(command, args, {
      ...rest,
      ...user,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 26,
    });
    return stdout;
  } catch (error) {
    throw new Error(`${command} ${args[0] ?? ''}: ${reasonOf(error, timeoutMs)}`, { cause: error });
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOENT') return 'not found';
  if ('killed' in error && error.killed === true) return `no answer within ${timeoutMs} ms`;
  const said = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  return said === '' ? error.message : (said.split('\n').at(-1) ?? said);
}
