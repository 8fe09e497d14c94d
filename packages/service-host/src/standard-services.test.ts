import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { descriptorSet } from '@banyan/contracts/descriptors';
import { TeamsServiceService } from '@banyan/contracts/teams';
import { protoPath as healthProto } from 'grpc-health-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { serve, type ServiceHost } from './host.js';
import { unaryService } from './unary-service.js';
import type { Check } from './health.js';

const reflectionProto = join(
  dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json')),
  'build/proto/grpc/reflection/v1/reflection.proto',
);

const open: { hosts: ServiceHost[]; clients: Client[] } = { hosts: [], clients: [] };

afterEach(async () => {
  for (const client of open.clients.splice(0)) client.close();
  for (const host of open.hosts.splice(0)) await host.stop();
});

describe('health', () => {
  it('is SERVING for the server and for each service while all checks pass', async () => {
    const client = await start({ database: () => Promise.resolve() });
    expect(await health(client, '')).toBe('SERVING');
    expect(await health(client, 'teams.v1.TeamsService')).toBe('SERVING');
    await expect(health(client, 'nobody.v1.Nothing')).rejects.toThrow(/NOT_FOUND/);
  });

  it('is NOT_SERVING from the start when a check fails, and recovers', async () => {
    const check = vi.fn(() => Promise.reject(new Error('away')));
    const client = await start({ database: check });
    expect(await health(client, '')).toBe('NOT_SERVING');
    check.mockResolvedValue(undefined as never);
    await vi.waitFor(async () => expect(await health(client, '')).toBe('SERVING'), { timeout: 10_000 });
  });
});

describe('reflection', () => {
  it('lists the services that are hosted and describes them', async () => {
    const client = await start({});
    const list = await reflect(client, { listServices: '*' });
    const names = list.listServicesResponse?.service.map(({ name }) => name);
    expect(names).toEqual(['teams.v1.TeamsService']);
    const files = await reflect(client, { fileContainingSymbol: 'teams.v1.TeamsService' });
    const described = files.fileDescriptorResponse?.fileDescriptorProto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    const methods = described?.flatMap((file) => file.service).flatMap((service) => service.method);
    expect(methods?.map(({ name }) => name)).toContain('GetTeam');
  });
});

async function start(checks: Record<string, Check>): Promise<Client> {
  const { getTeam } = TeamsServiceService;
  const service = unaryService({ getTeam }, { getTeam: () => Promise.resolve({ team: undefined }) });
  const host = await serve({ name: 'teams', services: [service], descriptors: descriptorSet, checks });
  const client = new Client(host.address, credentials.createInsecure());
  open.hosts.push(host);
  open.clients.push(client);
  return client;
}

function health(client: Client, service: string): Promise<string> {
  const check = method(loadSync(healthProto, { enums: String }), 'grpc.health.v1.Health', 'Check');
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = check;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service }, (error, answer) => {
      if (error !== null) reject(error);
      else resolve((answer as { status: string }).status);
    });
  });
}

interface Reflected {
  listServicesResponse?: { service: { name: string }[] };
  fileDescriptorResponse?: { fileDescriptorProto: Uint8Array[] };
}

function reflect(client: Client, request: object): Promise<Reflected> {
  const info = method(
    loadSync(reflectionProto),
    'grpc.reflection.v1.ServerReflection',
    'ServerReflectionInfo',
  );
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = info;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    stream.on('data', (answer: Reflected) => resolve(answer));
    stream.on('error', reject);
    stream.write(request);
    stream.end();
  });
}

function method(
  definitions: PackageDefinition,
  service: string,
  name: string,
): MethodDefinition<object, object> {
  const found = definitions[service] as Record<string, MethodDefinition<object, object>> | undefined;
  const wanted = found?.[name];
  if (wanted === undefined) throw new Error(`${service} has no ${name}`);
  return wanted;
}
