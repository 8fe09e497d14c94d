import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BanyanError, messageOf } from '@banyan/runtime';

export interface NatsSearch {
  /** As given with --nats. */
  given?: string | undefined;
  env: NodeJS.ProcessEnv;
  /** Where the search for `.banyan/dev.json` begins. */
  folder: string;
}

/**
 * Where NATS is: as given, else NATS_URL, else as the development stack wrote it into the nearest `.banyan/dev.json` of
 * this folder or one above it.
 *
 * @throws BANYAN_CONTROL_UNREACHABLE if none says
 */
export function findNats({ given, env, folder }: NatsSearch): string {
  const told = given ?? env['NATS_URL'];
  if (told !== undefined && told !== '') return told;
  const file = nearestStackFile(folder);
  if (file !== undefined) return natsOf(file);
  throw new BanyanError('BANYAN_CONTROL_UNREACHABLE', `no NATS address is known in ${folder}`, {
    remedy: 'Give --nats <url>, set NATS_URL, or start the development stack with `npm run dev`.',
  });
}

/** The databases of the nearest development stack, by service; none if there is no such stack. */
export function findStackDatabases(folder: string): string[] {
  const file = nearestStackFile(folder);
  if (file === undefined) return [];
  const { postgres } = JSON.parse(readFileSync(file, 'utf8')) as { postgres?: Record<string, string> };
  return Object.values(postgres ?? {});
}

/** The `.banyan/dev.json` of a folder or of one above it. */
export function nearestStackFile(folder: string): string | undefined {
  const file = join(folder, '.banyan', 'dev.json');
  if (existsSync(file)) return file;
  const above = dirname(folder);
  return above === folder ? undefined : nearestStackFile(above);
}

function natsOf(file: string): string {
  try {
    const { nats } = JSON.parse(readFileSync(file, 'utf8')) as { nats?: unknown };
    if (typeof nats === 'string') return nats;
    throw new Error('it has no field nats');
  } catch (error) {
    throw new BanyanError('BANYAN_CONTROL_UNREACHABLE', `${file}: ${messageOf(error)}`, { cause: error });
  }
}
