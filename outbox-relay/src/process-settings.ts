import { readFileSync } from 'node:fs';
import { BanyanError, messageOf, nearestName } from '@banyan/runtime';
import { parse } from 'yaml';
import { TUNABLE_OPTIONS } from './options.js';
import type { ShardedSourceConfig } from './sharded-source.js';

/** What the relay process runs with. */
export interface ProcessSettings {
  sources: ShardedSourceConfig[];
  natsUrl: string;
  /** host:port for /metrics, /healthz and /readyz; undefined: none. */
  http: string | undefined;
  logLevel: string;
  /** Ready means that no event is older than this, in ms, without being in the stream. */
  maxUnsentAgeMs: number;
}

type Values = Record<string, unknown>;

/** Settings from one place, by their names as in a file. */
interface Layer {
  nats?: unknown;
  http?: unknown;
  logLevel?: unknown;
  maxUnsentAgeMs?: unknown;
  /** Options for every source. */
  defaults: Values;
  /** Options by source, `databaseUrl` among them. */
  sources: Record<string, Values>;
}

const TOP_LEVEL = ['nats', 'http', 'logLevel', 'maxUnsentAgeMs', 'defaults', 'sources'];
const SOURCE_LEVEL = ['databaseUrl', ...TUNABLE_OPTIONS];
const LOG_LEVELS = ['debug', 'info', 'warn', 'error'];

/**
 * Brings flags, environment and file together: a flag wins over the environment, that over the file, a source's own option
 * over the default for all.
 *
 * @param flags as given, without the dashes: `tick-interval-ms`
 * @throws BanyanError BANYAN_OPTION_UNKNOWN or BANYAN_OPTION_INVALID, with the name that was probably meant
 */
export function readSettings(
  flags: ReadonlyMap<string, readonly string[]>,
  env: NodeJS.ProcessEnv,
): ProcessSettings {
  const file = flags.get('config')?.at(-1) ?? env['BANYAN_RELAY_CONFIG'];
  const layers = [flagLayer(flags), environmentLayer(env), ...(file === undefined ? [] : [fileLayer(file)])];
  const top = (name: 'nats' | 'http' | 'logLevel' | 'maxUnsentAgeMs'): unknown =>
    layers.map((layer) => layer[name]).find((value) => value !== undefined);
  const natsUrl = text('nats', top('nats'), 'NATS server(s): --nats <url>, NATS_URL, or nats in the file');
  return {
    natsUrl,
    http: top('http') === undefined ? undefined : text('http', top('http'), 'host:port'),
    logLevel: logLevel(top('logLevel') ?? 'info'),
    maxUnsentAgeMs: milliseconds('maxUnsentAgeMs', top('maxUnsentAgeMs') ?? 10_000),
    sources: sourcesOf(layers, natsUrl),
  };
}

function sourcesOf(layers: readonly Layer[], natsUrl: string): ShardedSourceConfig[] {
  const names = [...new Set(layers.flatMap(({ sources }) => Object.keys(sources)))];
  if (names.length === 0) {
    throw new BanyanError(
      'BANYAN_OPTION_INVALID',
      'no source given: --source <name>=<postgres url>, BANYAN_SOURCES, or sources in the file',
    );
  }
  const lowestFirst = [...layers].reverse();
  return names.map((source) => {
    const own = lowestFirst.map(({ defaults, sources }): Values => ({ ...defaults, ...sources[source] }));
    const { databaseUrl, ...options }: Values = Object.assign({}, ...own) as Values;
    return {
      ...options,
      source,
      natsUrl,
      databaseUrl: text(`databaseUrl of ${source}`, databaseUrl, 'a postgres:// URL'),
    };
  });
}

function flagLayer(flags: ReadonlyMap<string, readonly string[]>): Layer {
  const last = (name: string): string | undefined => flags.get(name)?.at(-1);
  const named = (name: string): string | undefined => last(kebabOf(name));
  return {
    nats: last('nats'),
    http: last('http'),
    logLevel: last('log-level'),
    maxUnsentAgeMs: valueOf(last('max-unsent-age-ms')),
    defaults: tunables(named),
    sources: Object.fromEntries((flags.get('source') ?? []).map(sourceOf)),
  };
}

function environmentLayer(env: NodeJS.ProcessEnv): Layer {
  const named = (name: string): string | undefined => env[`BANYAN_RELAY_${snakeOf(name)}`];
  const sources = (env['BANYAN_SOURCES'] ?? '').split(/\s+/).filter((part) => part !== '');
  return {
    nats: env['NATS_URL'],
    http: named('http'),
    logLevel: named('logLevel'),
    maxUnsentAgeMs: valueOf(named('maxUnsentAgeMs')),
    defaults: tunables(named),
    sources: Object.fromEntries(sources.map(sourceOf)),
  };
}

function fileLayer(file: string): Layer {
  const content = record(file, readYaml(file));
  refuseUnknown(file, content, TOP_LEVEL);
  const defaults = record(`${file}: defaults`, content['defaults'] ?? {});
  refuseUnknown(`${file}: defaults`, defaults, TUNABLE_OPTIONS);
  const sources = record(`${file}: sources`, content['sources'] ?? {});
  for (const [name, options] of Object.entries(sources)) {
    refuseUnknown(`${file}: source ${name}`, record(`${file}: source ${name}`, options), SOURCE_LEVEL);
  }
  const { nats, http, logLevel: level, maxUnsentAgeMs } = content;
  return {
    nats,
    http,
    logLevel: level,
    maxUnsentAgeMs,
    defaults,
    sources: sources as Record<string, Values>,
  };
}

/** YAML, of which JSON is a part. */
function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new BanyanError('BANYAN_OPTION_INVALID', `config file ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Every flag that there is, with its default layer's options in kebab case. */
export const FLAGS: readonly string[] = [
  ...['config', 'nats', 'source', 'http', 'log-level', 'max-unsent-age-ms', 'help'],
  ...TUNABLE_OPTIONS.map(kebabOf),
];

function refuseUnknown(where: string, given: Values, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
    throw new BanyanError('BANYAN_OPTION_UNKNOWN', `${where} has no option ${name}: ${hint}`);
  }
}

function tunables(read: (name: string) => string | undefined): Values {
  const given = TUNABLE_OPTIONS.map((name) => [name, valueOf(read(name))] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** Flags and variables are text; what looks like a number or a truth value is meant as one. */
function valueOf(written: string | undefined): unknown {
  if (written === 'true' || written === 'false') return written === 'true';
  return written !== undefined && /^\d+$/.test(written) ? Number(written) : written;
}

function sourceOf(written: string): [name: string, options: Values] {
  const at = written.indexOf('=');
  if (at < 1) {
    throw new BanyanError(
      'BANYAN_OPTION_INVALID',
      `source ${JSON.stringify(written)} must be written <name>=<postgres url>`,
    );
  }
  return [written.slice(0, at), { databaseUrl: written.slice(at + 1) }];
}

function text(name: string, value: unknown, must: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new BanyanError(
    'BANYAN_OPTION_INVALID',
    `${name} must be ${must}, not ${value === undefined ? 'nothing' : JSON.stringify(value)}`,
  );
}

function milliseconds(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1000) return value;
  throw new BanyanError(
    'BANYAN_OPTION_INVALID',
    `${name} must be a whole number from 1000, not ${JSON.stringify(value)}`,
  );
}

function logLevel(value: unknown): string {
  if (typeof value === 'string' && LOG_LEVELS.includes(value)) return value;
  throw new BanyanError(
    'BANYAN_OPTION_INVALID',
    `logLevel must be one of ${LOG_LEVELS.join(', ')}, not ${JSON.stringify(value)}`,
  );
}

function record(where: string, value: unknown): Values {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Values;
  throw new BanyanError('BANYAN_OPTION_INVALID', `${where} must be a mapping of names to values`);
}

function kebabOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function snakeOf(name: string): string {
  return kebabOf(name).replaceAll('-', '_').toUpperCase();
}
