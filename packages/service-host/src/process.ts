import { pino } from 'pino';
import { BanyanError, isBanyanError, type Logger } from '@banyan/runtime';

/** JSON lines on stderr: stdout is for the ready line. The level comes from LOG_LEVEL, default `info`. */
export function processLogger(name: string): Logger {
  const level = process.env['LOG_LEVEL'] ?? 'info';
  // Synchronous: the last line before an exit is the one that matters.
  const log = pino(
    { name, level, serializers: { error: pino.stdSerializers.err } },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  };
}

/** What a process runs until it is told to stop. */
export interface RunningService {
  /** What it speaks; default gRPC. */
  readonly protocol?: 'grpc' | 'http';
  /** Where it listens: host:port. */
  readonly address: string;
  stop: () => Promise<void>;
}

/**
 * The life of a service process: starts it, writes `{"ready":true,"service":…,"grpc":"host:port"}` as a line on stdout,
 * stops it on SIGTERM or SIGINT and exits with 0; with 1 if it cannot start or stop. A second signal ends it at once.
 */
export async function runProcess(
  name: string,
  logger: Logger,
  start: () => Promise<RunningService>,
): Promise<void> {
  try {
    const host = await start();
    stopOnSignal(host, logger);
    const { protocol = 'grpc', address } = host;
    process.stdout.write(`${JSON.stringify({ ready: true, service: name, [protocol]: address })}\n`);
  } catch (error) {
    logger.error('cannot start', { error, ...(isBanyanError(error) ? { remedy: error.remedy } : {}) });
    process.exit(1);
  }
}

/**
 * Reads an environment variable.
 *
 * @throws BanyanError BANYAN_OPTION_INVALID if it is not set and has no fallback
 */
export function fromEnvironment(name: string, fallback?: string): string {
  const value = process.env[name] ?? '';
  if (value !== '') return value;
  if (fallback !== undefined) return fallback;
  throw new BanyanError('BANYAN_OPTION_INVALID', `environment variable ${name} must be set, but is not`);
}

/** What hangs while stopping, a broker that went away at the same moment for instance, ends here. In ms. */
const STOP_LIMIT_MS = 8000;

function stopOnSignal(host: RunningService, logger: Logger): void {
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    logger.info('stopping', { signal });
    const overdue = setTimeout(() => {
      logger.error('did not stop in time', { afterMs: STOP_LIMIT_MS });
      process.exit(1);
    }, STOP_LIMIT_MS);
    overdue.unref();
    try {
      await host.stop();
      process.exit(0);
    } catch (error) {
      logger.error('cannot stop', { error });
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, (received) => void stop(received));
  }
}
