import { BanyanError, nearestName } from '@banyan/runtime';

/**
 * Reads `--name value`, `--name=value` and bare `--help`.
 * @throws BanyanError BANYAN_OPTION_UNKNOWN with the nearest flag, or BANYAN_OPTION_INVALID for a flag without its value
 */
export function readFlags(args: readonly string[], known: readonly string[]): Map<string, string[]> {
  const flags = new Map<string, string[]>();
  for (let i = 0; i < args.length; i++) {
    const [name, inline] = split(args[i] ?? '', known);
    const value = inline ?? (name === 'help' ? 'true' : args[++i]);
    if (value === undefined) throw new BanyanError('BANYAN_OPTION_INVALID', `--${name} needs a value`);
    flags.set(name, [...(flags.get(name) ?? []), value]);
  }
  return flags;
}

function split(arg: string, known: readonly string[]): [name: string, value: string | undefined] {
  const [, name = '', value] = /^--?([a-z-]+)(?:=(.*))?$/s.exec(arg === '-h' ? '--help' : arg) ?? [];
  if (known.includes(name)) return [name, value];
  const near = nearestName(name === '' ? arg : name, known);
  const hint = near === undefined ? 'see --help' : `did you mean --${near}?`;
  throw new BanyanError('BANYAN_OPTION_UNKNOWN', `there is no flag ${arg}: ${hint}`);
}
