import { parseEdge } from '@banyan/control';
import type { NatsConnection } from '@nats-io/nats-core';
import { InvalidArgumentError } from 'commander';
import { messageOf } from '@banyan/runtime';
import { reach } from '../control-plane.js';
import { findNats } from '../find-nats.js';
import { durationMs } from '../plan/duration.js';
import { findPlaybook } from '../plan/find-playbook.js';
import type { Plan } from '../plan/plan.js';
import { readPlan } from '../plan/read-plan.js';
import { userName, type Surroundings } from './command-options.js';

export interface ApplyCommandOptions {
  nats?: string;
  json?: boolean;
  by?: string;
  yes?: boolean;
  edge?: string;
  until?: string;
  postpone: string[];
  /** In ms. */
  wait?: number;
  timeout: number;
  maxErrors: number;
  minCalls: number;
  /** For the commands whose argument is a step. */
  playbook?: string;
}

export interface Asked {
  file: string | undefined;
  options: ApplyCommandOptions;
  surroundings: Surroundings;
}

export interface ApplyContext extends Asked {
  plan: Plan;
  connection: NatsConnection;
  by: string;
}

/** Reads the playbook, connects, and disconnects after. */
export async function within(asked: Asked, work: (context: ApplyContext) => Promise<void>): Promise<void> {
  const { file, options, surroundings } = asked;
  const plan = readPlan(findPlaybook(file, surroundings.folder));
  const connection = await reach(findNats({ given: options.nats, ...surroundings }), { reconnect: true });
  try {
    await work({ ...asked, plan, connection, by: options.by ?? userName(surroundings.env) });
  } finally {
    await connection.close();
  }
}

/** What part of the playbook is meant. */
export function wantedOf({ edge, until }: ApplyCommandOptions): { edge?: string; until?: string } {
  return {
    ...(edge === undefined ? {} : { edge: parseEdge(edge).text }),
    ...(until === undefined ? {} : { until }),
  };
}

/** For an option that may be given again. */
export const collect = (value: string, before: string[]): string[] => [...before, value];

/** `10m` in ms. */
export function durationOption(value: string): number {
  try {
    return durationMs(value);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}
