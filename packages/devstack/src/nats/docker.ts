import { randomBytes } from 'node:crypto';
import { setting } from '../environment.js';
import { outputOf } from '../process/command.js';

const PULL_TIMEOUT_MS = 120_000;

/** How to run nats-server in a container as if it were a program of this machine. */
export interface DockerImage {
  image: string;
}

/** The image to run, if Docker answers and has it or can get it: `BANYAN_NATS_IMAGE`, by default `nats:2.12-alpine`. */
export async function dockerImage(): Promise<DockerImage> {
  await outputOf('docker', ['version', '--format', '{{.Server.Version}}'], { timeoutMs: 3_000 });
  const image = setting('BANYAN_NATS_IMAGE') ?? 'nats:2.12-alpine';
  await outputOf('docker', ['image', 'inspect', image], { timeoutMs: 10_000 }).catch(() =>
    outputOf('docker', ['pull', '--quiet', image], { timeoutMs: PULL_TIMEOUT_MS }),
  );
  return { image };
}

/**
 * The command line that runs the server attached, so that the signals sent to it reach the container, and with its
 * files in `dir` under the present user.
 */
export function dockerRun(
  { image }: DockerImage,
  port: number,
  dir: string,
): { args: string[]; name: string } {
  const name = `banyan-nats-${port}-${randomBytes(3).toString('hex')}`;
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const args = [
    ...['run', '--rm', '--name', name, '--user', user],
    ...['--publish', `127.0.0.1:${port}:${port}`, '--volume', `${dir}:${dir}`],
    ...[image, '--config', `${dir}/nats.conf`],
  ];
  return { args, name };
}

/** Removes a container at once, if it is there: killing the command that runs it does not. */
export async function removeContainer(name: string): Promise<void> {
  await outputOf('docker', ['rm', '--force', name], { timeoutMs: 15_000 }).catch(() => undefined);
}
