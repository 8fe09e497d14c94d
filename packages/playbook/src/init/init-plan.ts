import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { migrate, pendingMigrations } from '@banyan/migrations';
import { BanyanError, messageOf } from '@banyan/runtime';
import pg from 'pg';
import { PLAYBOOK_SCHEMA } from '../plan/playbook-schema.js';
import type { FoundEdge } from './find-edges.js';
import { playbookSkeleton, relayConfig } from './skeletons.js';

export const INIT_ROLES = ['outbox', 'subscriber'] as const;

/** What a database is to be: a source's, a subscriber's. */
export type InitRole = (typeof INIT_ROLES)[number];

export interface InitWish {
  folder: string;
  /** The service, as a source and as a caller. */
  service: string;
  roles: readonly InitRole[];
  databaseUrl: string | undefined;
  nats: string | undefined;
  edges: readonly FoundEdge[];
  /** Where they were found. */
  origin: 'reports' | 'protos';
}

/** What would be done, or is. */
export interface InitPlan {
  files: PlannedFile[];
  /** By role; empty without a database. */
  migrations: { role: InitRole; pending: string[] }[];
}

interface PlannedFile {
  path: string;
  content: string;
  /** It is there: it stays as it is. */
  isThere: boolean;
}

/** Looks at folder and database, and changes neither. @throws BanyanError BANYAN_DATABASE_UNREACHABLE */
export async function planInit(wish: InitWish): Promise<InitPlan> {
  const { databaseUrl, roles } = wish;
  const migrations = databaseUrl === undefined ? [] : await pendingIn(databaseUrl, roles);
  return { files: filesOf(wish), migrations };
}

export function isDone({ files, migrations }: InitPlan): boolean {
  return files.every(({ isThere }) => isThere) && migrations.every(({ pending }) => pending.length === 0);
}

/** Migrates first: what can fail comes before what is easily done again. Files that have come meanwhile stay. */
export async function carryOutInit(plan: InitPlan, { databaseUrl }: InitWish): Promise<void> {
  const roles = plan.migrations.map(({ role }) => role);
  if (databaseUrl !== undefined && roles.length > 0) await migrate({ databaseUrl, roles });
  for (const { path, content, isThere } of plan.files) if (!isThere) writeNew(path, content);
}

function filesOf({ folder, service, roles, databaseUrl, nats, edges }: InitWish): PlannedFile[] {
  const files: [path: string, content: string][] = [];
  if (roles.includes('outbox'))
    files.push(['banyan-relay.yaml', relayConfig({ source: service, nats, databaseUrl })]);
  if (edges.length > 0) {
    const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...PLAYBOOK_SCHEMA };
    files.push(['playbooks/playbook.schema.json', `${JSON.stringify(schema, null, 2)}\n`]);
    files.push([`playbooks/${service}.yaml`, playbookSkeleton(service, edges)]);
  }
  return files.map(([name, content]) => {
    const path = join(folder, name);
    return { path, content, isThere: existsSync(path) };
  });
}

async function pendingIn(databaseUrl: string, roles: readonly InitRole[]): Promise<InitPlan['migrations']> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new BanyanError('BANYAN_DATABASE_UNREACHABLE', messageOf(error), { cause: error });
  }
  try {
    const migrations: InitPlan['migrations'] = [];
    for (const role of roles) migrations.push({ role, pending: await pendingMigrations(client, role) });
    return migrations;
  } finally {
    await client.end();
  }
}

function writeNew(path: string, content: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { flag: 'wx' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw new BanyanError('BANYAN_OPTION_INVALID', `${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
      remedy: 'Name a folder that may be written to; what was done already stays, and is not done twice.',
    });
  }
}
