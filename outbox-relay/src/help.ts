import { FLAGS } from './process-settings.js';

const EXPLAINED = ['source', 'nats', 'config', 'http', 'log-level', 'max-unsent-age-ms', 'help'];
const tunable = FLAGS.filter((name) => !EXPLAINED.includes(name)).map((name) => `--${name}`);

/** What `banyan-relay --help` says. */
export const HELP = `banyan-relay: moves outboxes into their JetStream streams, exactly once at each position.

Usage: banyan-relay --nats <url> --source <name>=<postgres url> [--source …]

  --source <name>=<url>     a source and its database; repeat for more        BANYAN_SOURCES, blank-separated
  --nats <url>              NATS server(s), comma-separated                   NATS_URL
  --config <file>           settings in YAML or JSON                          BANYAN_RELAY_CONFIG
  --http <host:port>        /metrics, /healthz, /readyz (default: none)       BANYAN_RELAY_HTTP
  --max-unsent-age-ms <n>   ready while no event is older and not in the      BANYAN_RELAY_MAX_UNSENT_AGE_MS
                            stream (default 10000)
  --log-level <level>       debug, info, warn or error (default info);        BANYAN_RELAY_LOG_LEVEL
                            logs are JSON lines on stderr
  --help

For every source, or in the file under defaults or a source; see docs/options.md:
  ${tunable.join(' ')}
  (each also as a variable: --tick-interval-ms is BANYAN_RELAY_TICK_INTERVAL_MS)

A flag wins over the environment, and that over the file.

Examples:
  banyan-relay --nats nats://127.0.0.1:4222 --source projects=postgres://relay@db/projects
  banyan-relay --config relay.yaml --http 127.0.0.1:9187

  # relay.yaml
  nats: nats://nats-1:4222,nats://nats-2:4222
  defaults: { streamReplicas: 3 }
  sources:
    projects: { databaseUrl: postgres://relay@db/projects }
    tasks: { databaseUrl: postgres://relay@db/tasks, tickIntervalMs: 5 }

Run several for the same source: one leads, the others stand by.
`;
