import type { DescMethodUnary } from '@bufbuild/protobuf';
import { InterceptingCall, Server, ServerCredentials, type Interceptor } from '@grpc/grpc-js';
import { createChannel } from 'nice-grpc';
import { descriptorRegistry } from '@banyan/contracts/descriptors';
import { GetProjectResponse, ProjectsServiceService } from '@banyan/contracts/projects';
import { expect, it } from 'vitest';
import { connectTransport, niceClient } from './adapters.js';

it('calls of both clients of the guide go through the edge’s interceptor to their provider', async () => {
  const server = new Server();
  const { getProject } = ProjectsServiceService;
  server.addService(
    { getProject },
    {
      getProject: (_call: unknown, answer: (error: null, value: GetProjectResponse) => void) =>
        answer(null, GetProjectResponse.fromPartial({ project: { id: 'p1', version: 1 } })),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const paths: string[] = [];
  const interceptor: Interceptor = (options, next) => {
    paths.push(options.method_definition.path);
    return new InterceptingCall(next(options));
  };
  const channel = createChannel(`127.0.0.1:${port}`);
  const { project } = await niceClient({ interceptor }, channel).getProject({ id: 'p1' });
  expect(project?.id).toBe('p1');
  const method = descriptorRegistry().getService('projects.v1.ProjectsService')?.method[
    'getProject'
  ] as DescMethodUnary;
  const transport = connectTransport({ interceptor }, `http://127.0.0.1:${port}`);
  const { message } = await transport.unary(method, undefined, undefined, undefined, { id: 'p1' });
  expect(message).toMatchObject({ project: { id: 'p1' } });
  expect(paths).toEqual([getProject.path, getProject.path]);
  channel.close();
  server.forceShutdown();
});
