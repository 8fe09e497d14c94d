import type { MethodDefinition } from '@grpc/grpc-js';
import { defineEvent, type EventDefinition } from '@banyan/contracts';

/** What both children are told in their one argument, as JSON. */
export interface ReactionChildConfig {
  source: string;
  edge: string;
  databaseUrl: string;
  natsUrl: string;
  /** host:port of the receiver. */
  grpc: string;
  stateDir: string;
  keys: number;
}

export interface Touched {
  id: string;
  version: number;
}

const encode = (message: object): Buffer => Buffer.from(JSON.stringify(message));
const decode = (bytes: Uint8Array): Touched => JSON.parse(Buffer.from(bytes).toString()) as Touched;

export function touchedEvent(source: string): EventDefinition<Touched> {
  return defineEvent<Touched>({
    source,
    aggregate: 'project',
    type: 'ProjectTouched',
    codec: { encode: (message) => ({ finish: () => encode(message) }), decode },
    key: ({ id }) => id,
    version: ({ version }) => version,
  });
}

/** The method that does the effect. */
export const reactMethod: MethodDefinition<Touched, Touched> = {
  path: '/chaos.v1.ChaosService/React',
  requestStream: false,
  responseStream: false,
  requestSerialize: encode,
  requestDeserialize: decode,
  responseSerialize: encode,
  responseDeserialize: decode,
};

/** The tables of both ends, in one database so that one statement can compare them. */
export const TABLES = [
  'create table project (id text primary key, version bigint not null default 0)',
  'create table work (event_id uuid primary key, stage text not null)',
  'create table ledger (i bigserial, event_id uuid not null, via text not null)',
];
