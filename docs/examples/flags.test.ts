import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { changeFlag, changeStage, planFlag, type StageWatch } from '@banyan/control';
import { startNats, temporaryFolder, type NatsServer, type TemporaryFolder } from '@banyan/devstack';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { OpenFeature, TypedInMemoryProvider } from '@openfeature/server-sdk';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { follow, notify, onChanges, serve, stageOf } from './flags.js';

const EDGE = 'tasks -> projects.GetProject';
const BY = { by: 'ann', why: 'because', expected: undefined, waitMs: 1 };

let server: NatsServer;
let folder: TemporaryFolder;
let nats: NatsConnection;
let stages: StageWatch;

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await startNats({ own: true, dir: folder.path });
  nats = await connect({ servers: server.url });
  stages = await serve(nats, `${folder.path}/state`);
});

afterAll(async () => {
  await OpenFeature.close();
  await stages.stop();
  await nats.close();
  await server.stop();
  await folder.remove();
});

it('does what the guide says', async () => {
  const changed: string[] = [];
  onChanges((flags) => void changed.push(...flags));
  const ways = { mail: vi.fn(), event: vi.fn() };
  await notify('p7', ways);
  expect(ways.mail).toHaveBeenCalledTimes(1);
  const move = planFlag('mails.by-event', undefined, { value: true, keys: ['p7'] });
  await changeFlag(nats, { flag: 'mails.by-event', move, ...BY });
  await changeStage(nats, { edge: EDGE, stage: 'shadow', from: 'call', ...BY });
  await vi.waitFor(() => expect(changed.sort()).toEqual(['mails.by-event', EDGE]), { timeout: 10_000 });
  await notify('p7', ways);
  await notify('p8', ways);
  expect(ways.event).toHaveBeenCalledTimes(1);
  expect(ways.mail).toHaveBeenCalledTimes(2);
  expect(await stageOf('p7')).toBe('shadow');
});

it('takes an edge’s stage from another provider', async () => {
  const variants = { call: 'call', shadow: 'shadow' } as const;
  const flags = { [EDGE]: { variants, defaultVariant: 'shadow' as const, disabled: false } };
  const source = await follow(new TypedInMemoryProvider(flags), `${folder.path}/other`);
  const edge = source.edge({ edge: EDGE, stages: ['call', 'shadow'] });
  await vi.waitFor(() => expect(edge.running).toMatchObject({ stage: 'shadow', origin: 'provider' }), {
    timeout: 10_000,
  });
  await source.stop();
});

it('shows the code that is run here', async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  await promisify(execFile)('node', ['scripts/fill-examples.mjs', '--check'], { cwd: root });
});
