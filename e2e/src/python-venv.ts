import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '@banyan/runtime';

const run = promisify(execFile);

/** Folder of the Python example. */
export const PYTHON_EXAMPLE = fileURLToPath(new URL('../../examples/python/', import.meta.url));

const INSTALL_PATIENCE_MS = 120_000;

/** A Python with the example's libraries, or why there is none. */
export type PythonVenv = { python: string } | { missing: string };

/**
 * Makes a virtual environment in `.banyan/` at the first call, and finds it there later. Versions and hashes are those of
 * `requirements.txt`.
 */
export async function pythonVenv(): Promise<PythonVenv> {
  const requirements = `${PYTHON_EXAMPLE}requirements.txt`;
  const hash = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const folder = fileURLToPath(new URL(`../../.banyan/python-${hash}`, import.meta.url));
  const python = `${folder}/bin/python`;
  if (existsSync(`${folder}/ready`)) return { python };
  try {
    await rm(folder, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', folder], { timeout: INSTALL_PATIENCE_MS });
    const install = ['-m', 'pip', 'install', '--quiet', '--require-hashes', '-r', requirements];
    await run(python, install, { timeout: INSTALL_PATIENCE_MS });
    await run('touch', [`${folder}/ready`]);
    return { python };
  } catch (error) {
    return { missing: messageOf(error).split('\n').slice(0, 2).join(' ') };
  }
}
