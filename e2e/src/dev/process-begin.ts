import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

// Fields of /proc/<pid>/stat, counted after the command name, which may hold anything: the state, and the start in clock
// ticks since the machine came up.
const STATE = 0;
const START = 19;

/**
 * When a process began, in the words of the system, or undefined if there is none. An id alone is given to a later process
 * again; id and beginning are not.
 */
export async function beginOf(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? beginInProc(pid) : beginByPs(pid);
}

async function beginInProc(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[STATE] === 'Z' ? undefined : fields?.[START];
}

async function beginByPs(pid: number): Promise<string | undefined> {
  const said = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  const begin = said.stdout.trim();
  return begin === '' ? undefined : begin;
}
