import { greeting } from '../process/port.js';

/** What a nats-server says of itself to whoever connects. */
export interface NatsInfo {
  serverName: string;
  version: string;
  jetStream: boolean;
}

const PATIENCE_MS = 5_000;

/** Asks for it; undefined if nothing, or something else, answers there. */
export async function natsInfo(host: string, port: number): Promise<NatsInfo | undefined> {
  const words = (await greeting(host, port, PATIENCE_MS)) ?? '';
  const json = /^INFO (\{.*\})/.exec(words)?.[1];
  if (json === undefined) return undefined;
  const info = JSON.parse(json) as { server_name?: string; version?: string; jetstream?: boolean };
  return {
    serverName: info.server_name ?? '',
    version: info.version ?? 'unknown',
    jetStream: info.jetstream ?? false,
  };
}
