import { StageWatch } from '@banyan/control';
import { temporaryFolder, testNats } from '@banyan/devstack';
import { expect, it } from 'vitest';
import { streaming, type Row, type Watched } from './streams.js';

it('the streaming edge of the guide begins at call', async () => {
  const [nats, folder] = [await testNats(), await temporaryFolder()];
  const stages = new StageWatch({ connection: nats.connection, stateDir: folder.path });
  const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const edge = streaming(
    stages,
    {
      path: '/projects.v1.ProjectsService/ListAll',
      requestStream: false,
      responseStream: true,
      requestSerialize: bytesOf,
      requestDeserialize: (bytes) => JSON.parse(bytes.toString()) as Watched,
      responseSerialize: bytesOf,
      responseDeserialize: (bytes) => JSON.parse(bytes.toString()) as Row,
    },
    {
      ofTeam: async function* () {
        yield await Promise.resolve({ id: 'p1', version: 1 });
      },
      freshness: () => ({ asOfMs: Date.now() }),
    },
  );
  expect(edge.report(true)).toMatchObject({ running: { stage: 'call' }, freshness: { fresh: true } });
  await stages.stop();
  await folder.remove();
  await nats.close();
});
