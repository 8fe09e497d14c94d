import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import {
  startNats,
  temporaryFolder,
  testDatabase,
  type NatsServer,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Finding } from '../doctor/finding.js';
import { runBanyan } from '../testing/run-banyan.js';

const RELAY = fileURLToPath(new URL('../../../../outbox-relay/bin/banyan-relay.js', import.meta.url));

let nats: NatsServer;
let store: TemporaryFolder;
let database: TestDatabase;
let relays: ChildProcess[];

beforeEach(async () => {
  relays = [];
  store = await temporaryFolder();
  nats = await startNats({ dir: store.path, own: true });
  database = await testDatabase({ roles: ['outbox', 'subscriber'] });
});
afterEach(async () => {
  await Promise.all(relays.map(ended));
  await Promise.all([nats.stop(), database.drop()]);
  await store.remove();
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

interface Examined {
  code: number;
  findings: Finding[];
}

async function doctor(...args: string[]): Promise<Examined> {
  const { code, json } = await runBanyan(['doctor', '--json', ...args]);
  return { code, findings: (json as { findings: Finding[] }).findings };
}

const both = (): string[] => ['--nats', nats.url, '--database-url', database.url];

async function findingOn(what: RegExp, args = both()): Promise<Finding | undefined> {
  return (await doctor(...args)).findings.find((finding) => what.test(finding.what));
}

function startRelay(): void {
  const args = [RELAY, '--nats', nats.url, '--source', `projects=${database.url}`, '--log-level', 'error'];
  relays.push(spawn(process.execPath, args, { stdio: 'ignore' }));
}

describe('banyan doctor', () => {
  it('finds nothing that fails where a relay leads and a stand-by waits', { timeout: 150_000 }, async () => {
    startRelay();
    startRelay();
    const failing = async (): Promise<string[]> =>
      (await doctor(...both())).findings.flatMap(({ outcome, what, found }) =>
        outcome === 'fail' ? [`${what}: ${found}`] : [],
      );
    await expect.poll(failing, { timeout: 60_000, interval: 500 }).toEqual([]);
    // A machine that has too much to do lets single answers be late.
    await vi.waitFor(
      async () => {
        const { code, out } = await runBanyan(['doctor', ...both()]);
        expect(code, out).toBe(0);
        expect(out).toMatch(/ok +nats +nats-server/);
        expect(out).toMatch(/ok +postgres +\S+: banyan as outbox +\d+ migrations/);
        expect(out).toMatch(/ok +nats +stream EVENTS_PROJECTS/);
        expect(out).toMatch(/ok +relays +relay of projects +\S+ leads/);
        expect(out).toMatch(/ok +clocks +database/);
        expect(out).toMatch(/ok +clocks +NATS/);
      },
      { timeout: 60_000, interval: 500 },
    );
  });

  it('names the migration that is missing, with the remedy', async () => {
    await database.pool.query(`delete from banyan.migration_outbox where name = '0022_capture'`);
    const { code, findings } = await doctor(...both());
    expect(code).toBe(1);
    const missing = findings.find(({ what }) => what.endsWith('banyan as outbox'));
    expect(missing).toMatchObject({ outcome: 'fail', found: 'not applied: 0022_capture' });
    expect(missing?.remedy).toContain('banyan init');
  });

  it('tells a stream whose settings would break a promise', async () => {
    const connection = await connect({ servers: nats.url });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({
      name: 'EVENTS_PROJECTS',
      subjects: ['evt.projects.>'],
      max_msgs_per_subject: 5,
    });
    await connection.close();
    const found = await findingOn(/EVENTS_PROJECTS/);
    expect(found).toMatchObject({ outcome: 'fail' });
    expect(found?.found).toContain('max_msgs_per_subject must be unlimited; deny_delete must be set');
  });

  it('tells a trigger that was turned off, and a database of another server', async () => {
    await database.pool.query(`
      create table invoice (id text primary key);
      select banyan.capture_enable('invoice');
      alter table invoice disable trigger banyan_capture;
      update banyan.source set name = 'billing', system_identifier = 1`);
    expect(await findingOn(/trigger banyan_capture/)).toMatchObject({
      outcome: 'fail',
      remedy: expect.stringContaining('enable trigger banyan_capture'),
    });
    expect(await findingOn(/history/)).toMatchObject({ outcome: 'fail' });
  });

  it('says what a role lacks, and for what', async () => {
    const url = new URL(database.url);
    const role = `${url.pathname.slice(1)}_writer`;
    await database.pool.query(`create role ${role} login password 'writes'`);
    url.username = role;
    url.password = 'writes';
    const given = ['--database-url', url.href];
    try {
      expect(await findingOn(/rights of/, given)).toMatchObject({
        outcome: 'fail',
        remedy: expect.stringContaining(`grant usage on schema banyan to ${role}`),
      });
      await database.pool.query(`grant usage on schema banyan to ${role}`);
      expect(await findingOn(/rights of/, given)).toMatchObject({
        outcome: 'warn',
        found: 'it may emit; it is not the owner',
      });
      expect(await findingOn(/migrations/, given)).toMatchObject({ outcome: 'unchecked' });
    } finally {
      await database.pool.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  it('fails on what does not answer, says no password, and calls unchecked what it was not given', async () => {
    const gone = await doctor(
      '--nats',
      'nats://ann:secret@127.0.0.1:1',
      '--database-url',
      'postgres://ann:secret@127.0.0.1:1/db',
    );
    expect(gone.code).toBe(1);
    expect(gone.findings.filter(({ outcome }) => outcome === 'fail').map(({ area }) => area)).toEqual([
      'nats',
      'postgres',
    ]);
    expect(JSON.stringify(gone)).not.toContain('secret');
    const nothing = await doctor();
    expect(nothing.code).toBe(0);
    expect(nothing.findings.filter(({ outcome }) => outcome === 'unchecked')).toHaveLength(2);
  });

  it('counts a missing relay as a failure, and a missing schema', async () => {
    const empty = await testDatabase();
    try {
      expect(await findingOn(/^relays$/)).toMatchObject({ outcome: 'fail', found: 'none answers' });
      expect(await findingOn(/schema banyan/, ['--database-url', empty.url])).toMatchObject({
        outcome: 'fail',
      });
    } finally {
      await empty.drop();
    }
  });
});
