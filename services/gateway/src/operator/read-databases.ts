import { BanyanError } from '@banyan/runtime';

/**
 * Database addresses by name, from JSON as the environment has it. What is wrong with it is not quoted: addresses hold
 * passwords.
 *
 * @throws BanyanError BANYAN_OPTION_INVALID
 */
export function readDatabases(json: string): Record<string, string> {
  const read = parsed(json);
  if (isTexts(read)) return read;
  throw new BanyanError(
    'BANYAN_OPTION_INVALID',
    'OPERATOR_DATABASES is no JSON object of addresses by name',
    {
      remedy: 'Write {"tasks":"postgres://user:password@host:port/tasks"}.',
    },
  );
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((each) => typeof each === 'string');
