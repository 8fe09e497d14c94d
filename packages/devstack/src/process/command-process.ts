import { join } from 'node:path';
import { Child } from './child.js';
import { greeting } from './port.js';
import { untilReady } from './readiness.js';
import { RestartableProcess, type Launch } from './restartable.js';

/** When a process counts as ready: it has written a line of JSON with `"ready": true`, or takes connections on a port. */
export type Ready = { by: 'line' } | { by: 'port'; port: number };

export interface CommandSpec {
  /** What the process is called; its log is `<name>.log`. */
  name: string;
  command: string;
  args?: readonly string[];
  /** Variables over those of this process. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  ready: Ready;
  /** How long it may take to be ready, in ms. Default: 30,000. */
  readyTimeoutMs?: number;
  /** How long it has after SIGTERM, in ms, before SIGKILL. Default: 10,000. */
  graceMs?: number;
}

/** The line that a process wrote to say that it is ready; empty for one that is known by its port. */
export type ReadyLine = Readonly<Record<string, unknown>>;

const PORT_PATIENCE_MS = 100;

/** A command that runs until it is stopped, with its log in a folder. */
export class CommandProcess extends RestartableProcess {
  readonly #lines: { last: ReadyLine };

  private constructor(launch: Launch, child: Child, lines: { last: ReadyLine }) {
    super(launch, child);
    this.#lines = lines;
  }

  /** @throws BanyanError BANYAN_DEVSTACK with what it wrote if it does not become ready */
  static async start(spec: CommandSpec, logDir: string): Promise<CommandProcess> {
    const lines = { last: {} };
    const launch: Launch = async (signal) => {
      const child = await spawnCommand(spec, logDir);
      const timeoutMs = spec.readyTimeoutMs ?? 30_000;
      lines.last = await untilReady(child, () => readyLine(child, spec.ready), { timeoutMs, signal });
      return child;
    };
    return new CommandProcess(launch, await launch(new AbortController().signal), lines);
  }

  /** What the present run said when it was ready. */
  get readyLine(): ReadyLine {
    return this.#lines.last;
  }
}

function spawnCommand(spec: CommandSpec, logDir: string): Promise<Child> {
  return Child.spawn({
    name: spec.name,
    command: spec.command,
    args: spec.args ?? [],
    env: { ...process.env, ...spec.env },
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    logFile: join(logDir, `${spec.name}.log`),
    stopSignal: 'SIGTERM',
    graceMs: spec.graceMs ?? 10_000,
    isServer: false,
  });
}

async function readyLine(child: Child, ready: Ready): Promise<ReadyLine | undefined> {
  if (ready.by === 'port') {
    return (await greeting('127.0.0.1', ready.port, PORT_PATIENCE_MS)) === undefined ? undefined : {};
  }
  for (const line of (await child.log()).split('\n').slice(0, -1)) {
    const said = parsed(line);
    if (said?.['ready'] === true) return said;
  }
  return undefined;
}

function parsed(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
