import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListTeamsResponse, TeamsServiceService } from '@banyan/contracts/teams';
import { serve, unaryService, type ServiceHost, type UnaryHandlers } from '@banyan/service-host';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startGateway, type Gateway } from './gateway.js';

// How a gateway goes: before a service that answers when the test says so.

let stateDir: string;
let teams: ServiceHost;
/** Calls that came, and what lets them be answered. */
let waiting: (() => void)[] = [];

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'banyan-drain-'));
  const listTeams = async (): Promise<ListTeamsResponse> => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return ListTeamsResponse.fromPartial({ teams: [] });
  };
  const handlers = { listTeams } as Partial<UnaryHandlers<typeof TeamsServiceService>>;
  const service = unaryService(TeamsServiceService, handlers as UnaryHandlers<typeof TeamsServiceService>);
  teams = await serve({ name: 'teams', services: [service], drainMs: 0 });
});

beforeEach(() => {
  waiting = [];
});

afterAll(async () => {
  await teams.stop();
  await rm(stateDir, { recursive: true, force: true });
});

const start = (drainMs: number): Promise<Gateway> =>
  startGateway({
    ...{ teamsAddress: teams.address, projectsAddress: '127.0.0.1:1', tasksAddress: '127.0.0.1:1' },
    ...{ natsUrl: 'nats://127.0.0.1:1', stateDir, callTimeoutMs: 20_000, drainMs },
  });

/** A request that the service has, and has not answered. */
async function underWay({ address }: Gateway): Promise<{ answered: Promise<number> }> {
  const answered = fetch(`http://${address}/api/teams`).then(({ status }) => status);
  // Whoever waits for it later is told.
  answered.catch(() => undefined);
  await vi.waitFor(() => expect(waiting).toHaveLength(1), { timeout: 10_000 });
  return { answered };
}

const isTaken = ({ address }: Gateway): Promise<boolean> =>
  fetch(`http://${address}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );

describe('a gateway that is told to stop', () => {
  it('takes nothing new, answers what is under way, and then ends', async () => {
    // Longer than a test may take.
    const gateway = await start(60_000);
    const { answered } = await underWay(gateway);
    let isStopped = false;
    const stopped = gateway.stop().then(() => (isStopped = true));
    await expect.poll(() => isTaken(gateway)).toBe(false);
    expect(isStopped).toBe(false);
    for (const answer of waiting) answer();
    expect(await answered).toBe(200);
    await stopped;
  });

  it('cuts off what is not answered in time', async () => {
    const gateway = await start(100);
    const { answered } = await underWay(gateway);
    await Promise.all([gateway.stop(), gateway.stop()]);
    await expect(answered).rejects.toThrow();
    for (const answer of waiting) answer();
  });
});
