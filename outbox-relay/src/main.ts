import { parseArgs } from 'node:util';
import { isBanyanError, messageOf } from '@banyan/runtime';
import { pino } from 'pino';
import type { SourceRelayConfig } from './options.js';
import { Relay } from './relay.js';

const HELP = `banyan-relay: moves outboxes into their JetStream streams, exactly once at each position.

Usage: banyan-relay --nats <url> --source <name>=<postgres url> [--source …]

  --source <name>=<url>   a source and its database; repeat for more (or BANYAN_SOURCES, blank-separated)
  --nats <url>            NATS server(s), comma-separated (or NATS_URL)
  --stream-replicas <n>   copies of a stream that the relay creates (default 1; 3 in a production cluster)
  --log-level <level>     debug, info, warn or error (default info); logs are JSON lines on stderr
  --help

Example:
  banyan-relay --nats nats://127.0.0.1:4222 --source projects=postgres://relay@db/projects

Run several for the same source: one leads, the others stand by.`;

interface Settings {
  sources: SourceRelayConfig[];
  logLevel: string;
}

function readSettings(args: readonly string[], env: NodeJS.ProcessEnv): Settings | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      source: { type: 'string', multiple: true },
      nats: { type: 'string' },
      'stream-replicas': { type: 'string' },
      'log-level': { type: 'string', default: 'info' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  const given = values.source ?? (env['BANYAN_SOURCES'] ?? '').split(/\s+/).filter((part) => part !== '');
  if (given.length === 0) throw new Error('no source given: use --source <name>=<postgres url>');
  const natsUrl = values.nats ?? env['NATS_URL'];
  if (natsUrl === undefined) throw new Error('no NATS server given: use --nats <url> or NATS_URL');
  const replicas = values['stream-replicas'];
  const streamReplicas = replicas === undefined ? {} : { streamReplicas: Number(replicas) };
  return {
    sources: given.map((text) => ({ ...sourceOf(text), natsUrl, ...streamReplicas })),
    logLevel: values['log-level'],
  };
}

function sourceOf(text: string): { source: string; databaseUrl: string } {
  const at = text.indexOf('=');
  if (at < 1) throw new Error(`source ${JSON.stringify(text)} must be written <name>=<postgres url>`);
  return { source: text.slice(0, at), databaseUrl: text.slice(at + 1) };
}

function run(settings: Settings): void {
  const log = pino(
    { level: settings.logLevel, base: { part: 'relay' } },
    pino.destination({ dest: 2, sync: true }),
  );
  const logger = {
    debug: (message: string, fields = {}) => log.debug(fields, message),
    info: (message: string, fields = {}) => log.info(fields, message),
    warn: (message: string, fields = {}) => log.warn(fields, message),
    error: (message: string, fields = {}) => log.error(fields, message),
  };
  const relay = new Relay(settings.sources.map((source) => ({ ...source, logger })));
  relay.start();
  process.stdout.write(`${JSON.stringify({ ready: true, service: 'relay', pid: process.pid })}\n`);
  const stop = (): void => {
    logger.info('draining');
    void relay.stop().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

try {
  const settings = readSettings(process.argv.slice(2), process.env);
  if (settings === 'help') process.stdout.write(`${HELP}\n`);
  else run(settings);
} catch (error) {
  const remedy = isBanyanError(error) ? error.remedy : 'See banyan-relay --help.';
  process.stderr.write(`banyan-relay: ${messageOf(error)}\n${remedy}\n`);
  process.exit(1);
}
