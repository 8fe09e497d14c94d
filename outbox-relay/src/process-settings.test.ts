import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFlags } from './flags.js';
import { FLAGS, readSettings, type ProcessSettings } from './process-settings.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'banyan-settings-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

const file = (content: string): string => {
  const path = join(folder, 'relay.yaml');
  writeFileSync(path, content);
  return path;
};

const settings = (args: string, env: NodeJS.ProcessEnv = {}): ProcessSettings =>
  readSettings(readFlags(args.split(' ').filter(Boolean), FLAGS), env);

const MINIMAL = '--nats nats://n --source projects=postgres://p';

describe('settings of the relay process', () => {
  it('need sources and a server, and nothing else', () => {
    expect(settings(MINIMAL)).toEqual({
      natsUrl: 'nats://n',
      http: undefined,
      logLevel: 'info',
      maxUnsentAgeMs: 10_000,
      sources: [{ source: 'projects', databaseUrl: 'postgres://p', natsUrl: 'nats://n' }],
    });
  });

  it('come from the environment too', () => {
    const env = {
      NATS_URL: 'nats://e',
      BANYAN_SOURCES: 'a=postgres://a b=postgres://b',
      BANYAN_RELAY_TICK_INTERVAL_MS: '7',
    };
    expect(settings('', env).sources).toEqual([
      { source: 'a', databaseUrl: 'postgres://a', natsUrl: 'nats://e', tickIntervalMs: 7 },
      { source: 'b', databaseUrl: 'postgres://b', natsUrl: 'nats://e', tickIntervalMs: 7 },
    ]);
  });

  it('say how many shards there are, and which of them are for this process', () => {
    expect(settings(`${MINIMAL} --shards 4 --only-shards 0,2`).sources).toMatchObject([
      { shards: 4, onlyShards: '0,2' },
    ]);
    const given = file(
      'nats: n\nsources: { projects: { databaseUrl: postgres://p, shards: 4, onlyShards: [1] } }',
    );
    expect(settings(`--config ${given}`).sources).toMatchObject([{ shards: 4, onlyShards: [1] }]);
    expect(() => settings(`${MINIMAL} --shard 4`)).toThrow(/did you mean --shards/);
  });

  it('come from a file, where a source may differ from the defaults', () => {
    const path = file(`
      nats: nats://f
      http: 127.0.0.1:0
      defaults: { streamReplicas: 3, notify: false }
      sources:
        a: { databaseUrl: "postgres://a", streamReplicas: 1 }
        b: { databaseUrl: "postgres://b" }`);
    expect(settings(`--config=${path}`)).toMatchObject({
      natsUrl: 'nats://f',
      http: '127.0.0.1:0',
      sources: [
        { source: 'a', streamReplicas: 1, notify: false },
        { source: 'b', streamReplicas: 3, notify: false },
      ],
    });
  });

  it('prefer a flag to the environment, and that to the file', () => {
    const path = file(
      'nats: nats://f\ndefaults: { pageRows: 1, tickIntervalMs: 1 }\nsources: { a: { databaseUrl: "postgres://a" } }',
    );
    const env = {
      BANYAN_RELAY_CONFIG: path,
      BANYAN_RELAY_PAGE_ROWS: '2',
      BANYAN_RELAY_TICK_INTERVAL_MS: '2',
    };
    expect(settings('--page-rows 3 --nats nats://flag', env).sources).toEqual([
      { source: 'a', databaseUrl: 'postgres://a', natsUrl: 'nats://flag', pageRows: 3, tickIntervalMs: 2 },
    ]);
  });

  it.each([
    [
      'an unknown flag',
      `${MINIMAL} --tick-interval 5`,
      /no flag --tick-interval: did you mean --tick-interval-ms\?/,
    ],
    ['a flag without its value', `${MINIMAL} --http`, /--http needs a value/],
    ['no source', '--nats nats://n', /no source given/],
    ['no server', '--source a=postgres://a', /nats must be NATS server/],
    [
      'a source without its database',
      '--nats nats://n --source projects',
      /"projects" must be written <name>=<postgres url>/,
    ],
    [
      'an unknown log level',
      `${MINIMAL} --log-level loud`,
      /logLevel must be one of debug, info, warn, error, not "loud"/,
    ],
    [
      'an age that is no number',
      `${MINIMAL} --max-unsent-age-ms soon`,
      /maxUnsentAgeMs must be a whole number from 1000/,
    ],
  ])('refuse %s', (_what, args, message) => {
    expect(() => settings(args)).toThrow(message);
  });

  it.each([
    ['an unknown name', 'natss: x', /has no option natss: did you mean nats\?/],
    [
      'an unknown option of a source',
      'sources: { a: { databaseUrl: x, pageRow: 1 } }',
      /source a has no option pageRow: did you mean pageRows\?/,
    ],
    ['a list of sources', 'sources: [a]', /sources must be a mapping/],
    ['what is no YAML', 'a: [', /config file .*relay\.yaml/],
  ])('refuse a file with %s', (_what, content, message) => {
    expect(() => settings(`--nats nats://n --config ${file(content)}`)).toThrow(message);
  });
});
