import { randomUUID } from 'node:crypto';
import { status as Code, type Client, type ServiceError } from '@grpc/grpc-js';
import { descriptorSet } from '@banyan/contracts/descriptors';
import {
  GetTeamResponse,
  TeamsServiceClient,
  TeamsServiceService,
  type GetTeamRequest,
} from '@banyan/contracts/teams';
import type { LogFields, Logger } from '@banyan/runtime';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CallContext } from './call-context.js';
import { clientFor, unary } from './client.js';
import { checkVersion, invalid, missing, refused } from './domain-error.js';
import { serve, type ServiceHost } from './host.js';
import type { HostOptions } from './host-options.js';
import { detailsOf } from './status-details.js';
import { unaryService, type UnaryHandlers } from './unary-service.js';

type GetTeam = (request: GetTeamRequest, context: CallContext) => Promise<GetTeamResponse>;

const open: { hosts: ServiceHost[]; clients: Client[] } = { hosts: [], clients: [] };

afterEach(async () => {
  for (const client of open.clients.splice(0)) client.close();
  for (const host of open.hosts.splice(0)) await host.stop();
});

describe('a hosted service', () => {
  it('answers, and knows who calls and by when', async () => {
    let seen: CallContext | undefined;
    const { client } = await start((request, context) => {
      seen = context;
      return Promise.resolve(team(request.id));
    });
    const deadlineMs = Date.now() + 60_000;
    const answer = await unary(client.getTeam.bind(client), { id: 't1' }, { deadlineMs });
    expect(answer.team?.id).toBe('t1');
    expect(seen?.caller).toBe('projects');
    // The default is 10 s.
    expect(Math.abs((seen?.deadlineMs ?? 0) - deadlineMs)).toBeLessThan(20_000);
  });

  it('answers with DEADLINE_EXCEEDED and tells the work to stop when the time is up', async () => {
    const stopped = gateOf<unknown>();
    const { client } = await start(async (_request, { signal }) => {
      signal.addEventListener('abort', () => stopped.resolve(signal.reason));
      await stopped.promise;
      return team('late');
    });
    await connected(client);
    const error = await failure(client, { deadlineMs: Date.now() + 1_000 });
    expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
    expect(await stopped.promise).toMatchObject({ code: Code.DEADLINE_EXCEEDED });
  });

  it('gives a call without a deadline the default one', async () => {
    const gate = gateOf<GetTeamResponse>();
    const { client } = await start(() => gate.promise, { defaultDeadlineMs: 100 });
    const error = await failure(client, { deadlineMs: Number.POSITIVE_INFINITY });
    expect(error).toMatchObject({ code: Code.DEADLINE_EXCEEDED, details: 'the deadline has passed' });
    gate.resolve(team('late'));
  });

  it('passes deadline and cancellation on to the calls made for a call', async () => {
    const ended = gateOf<unknown>();
    const inner = await start(async (_request, { signal }) => {
      signal.addEventListener('abort', () => ended.resolve(signal.reason));
      await ended.promise;
      return team('late');
    });
    const outer = await start((request, context) =>
      unary(inner.client.getTeam.bind(inner.client), request, context),
    );
    const call = outer.client.getTeam({ id: 't' }, () => undefined);
    await vi.waitFor(() => expect(inner.calls()).toBe(1), { timeout: 10_000 });
    call.cancel();
    expect(await ended.promise).toMatchObject({ code: Code.CANCELLED });
  });

  it('tells which fields of a request are wrong', async () => {
    const { client } = await start(() => {
      throw invalid([{ field: 'name', description: 'must be 1 to 200 characters, not 0' }]);
    });
    const error = await failure(client);
    expect(error.code).toBe(Code.INVALID_ARGUMENT);
    expect(detailsOf(error)).toMatchObject({
      info: { reason: 'INVALID_REQUEST', domain: 'teams' },
      badRequest: { fieldViolations: [{ field: 'name' }] },
    });
  });

  it('answers a version conflict with ABORTED and the current version', async () => {
    const { client } = await start(() => {
      checkVersion('team', { id: 't1', version: 7 }, 5);
      return Promise.resolve(team('t1'));
    });
    const error = await failure(client);
    expect(error.code).toBe(Code.ABORTED);
    expect(detailsOf(error).info).toMatchObject({
      reason: 'VERSION_CONFLICT',
      metadata: { id: 't1', expectedVersion: '5', currentVersion: '7' },
    });
  });

  it.each([
    [missing('team', 't1'), Code.NOT_FOUND, 'TEAM_NOT_FOUND'],
    [
      refused('TEAM_ARCHIVED', 'the team is archived', { id: 't1' }),
      Code.FAILED_PRECONDITION,
      'TEAM_ARCHIVED',
    ],
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), Code.UNAVAILABLE, 'UNAVAILABLE'],
    [Object.assign(new Error('x'), { code: '40P01' }), Code.ABORTED, 'ABORTED'],
    [Object.assign(new Error('x'), { code: '57014' }), Code.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
  ])('maps %o', async (thrown, code, reason) => {
    const { client } = await start(() => Promise.reject(thrown));
    const error = await failure(client);
    expect(error.code).toBe(code);
    expect(detailsOf(error).info?.reason).toBe(reason);
  });

  it('keeps what nobody expected to itself, and logs it under the id that the caller gets', async () => {
    const logged: LogFields[] = [];
    const logger: Logger = { ...quiet(), error: (_message, fields = {}) => void logged.push(fields) };
    const { client } = await start(() => Promise.reject(new Error('password is hunter2')), { logger });
    const error = await failure(client);
    const errorId = detailsOf(error).info?.metadata['errorId'];
    expect(error.code).toBe(Code.INTERNAL);
    expect(JSON.stringify([error.details, error.metadata])).not.toContain('hunter2');
    expect(errorId).toMatch(/^[0-9a-f-]{36}$/);
    expect(logged).toMatchObject([{ errorId, error: { message: 'password is hunter2' } }]);
  });

  it('passes "not now" of another service on, but nothing that was about its own call', async () => {
    const inner = await start(() => Promise.reject(missing('team', 't1')));
    const outer = await start((request, context) =>
      unary(inner.client.getTeam.bind(inner.client), request, context),
    );
    expect((await failure(outer.client)).code).toBe(Code.INTERNAL);
    await inner.host.stop();
    expect((await failure(outer.client)).code).toBe(Code.UNAVAILABLE);
  });
});

describe('stopping', () => {
  it('lets calls under way finish and takes no new ones', async () => {
    const gate = gateOf<GetTeamResponse>();
    const closed = vi.fn(() => Promise.resolve());
    const { client, host, calls } = await start(() => gate.promise, { onStop: [closed] });
    const answer = unary(client.getTeam.bind(client), { id: 't' });
    await vi.waitFor(() => expect(calls()).toBe(1), { timeout: 10_000 });
    const stopped = host.stop();
    const late = clientFor(TeamsServiceClient, host.address, { caller: 'late' });
    open.clients.push(late);
    expect((await failure(late)).code).toBe(Code.UNAVAILABLE);
    expect(closed).not.toHaveBeenCalled();
    gate.resolve(team('t'));
    expect((await answer).team?.id).toBe('t');
    await stopped;
    expect(closed).toHaveBeenCalledOnce();
  });

  it('cuts off calls that take longer than the drain time', async () => {
    const gate = gateOf<GetTeamResponse>();
    const { client, host, calls } = await start(() => gate.promise, { drainMs: 50 });
    const lost = failure(client);
    await vi.waitFor(() => expect(calls()).toBe(1), { timeout: 10_000 });
    await host.stop();
    expect((await lost).code).toBeGreaterThan(0);
    gate.resolve(team('t'));
  });

  it('is legal twice', async () => {
    const { host } = await start(() => Promise.resolve(team('t')));
    await Promise.all([host.stop(), host.stop()]);
  });
});

describe('options', () => {
  it('are refused when unknown, with the nearest name', async () => {
    const wrong = { name: 'teams', services: [], adress: 'x' };
    await expect(serve(wrong)).rejects.toThrow(/did you mean address/);
  });

  it('name the address that cannot be listened on', async () => {
    const { host } = await start(() => Promise.resolve(team('t')));
    const twice = serve({
      name: 'teams',
      address: host.address,
      services: [service(() => Promise.reject(new Error('never called')))],
    });
    await expect(twice).rejects.toThrow(host.address);
  });
});

async function start(
  getTeam: GetTeam,
  options: Partial<HostOptions> = {},
): Promise<{ host: ServiceHost; client: TeamsServiceClient; calls: () => number }> {
  const counted = vi.fn(getTeam);
  const host = await serve({
    name: 'teams',
    services: [service(counted)],
    descriptors: descriptorSet,
    ...options,
  });
  const client = clientFor(TeamsServiceClient, host.address, { caller: 'projects' });
  open.hosts.push(host);
  open.clients.push(client);
  return { host, client, calls: () => counted.mock.calls.length };
}

function service(getTeam: GetTeam): ReturnType<typeof unaryService> {
  const { getTeam: definition } = TeamsServiceService;
  const handlers: UnaryHandlers<{ getTeam: typeof definition }> = { getTeam };
  return unaryService({ getTeam: definition }, handlers);
}

async function failure(client: TeamsServiceClient, origin?: { deadlineMs: number }): Promise<ServiceError> {
  return unary(client.getTeam.bind(client), { id: randomUUID() }, origin).then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => error as ServiceError,
  );
}

/** A call with a short deadline is to be under way before that is over. */
function connected(client: TeamsServiceClient): Promise<void> {
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + 60_000, (error) => (error === undefined ? resolve() : reject(error)));
  });
}

function team(id: string): GetTeamResponse {
  return GetTeamResponse.fromPartial({ team: { id } });
}

/** A promise that the test settles. */
function gateOf<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  const gate: { resolve: (value: T) => void } = { resolve: () => undefined };
  const promise = new Promise<T>((resolve) => {
    gate.resolve = resolve;
  });
  return { promise, resolve: (value) => gate.resolve(value) };
}

function quiet(): Logger {
  const nothing = (): void => undefined;
  return { debug: nothing, info: nothing, warn: nothing, error: nothing };
}
