// The code of docs/edges/adapters.md: `npm run docs` copies the regions into the page.
import type { Interceptor } from '@grpc/grpc-js';
import type { Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createClientFactory, type Channel, type Client } from 'nice-grpc';
import { ProjectsServiceService } from '@banyan/contracts/projects';
import { edgeInterceptor } from '@banyan/edge/connect';
import { edgeMiddleware } from '@banyan/edge/nice-grpc';

interface Edge {
  interceptor: Interceptor;
}

export function niceClient(edge: Edge, channel: Channel): Client<typeof ProjectsServiceService> {
  // #region nice-grpc
  const client = createClientFactory()
    .use(edgeMiddleware([edge.interceptor]))
    .create(ProjectsServiceService, channel);
  // #endregion
  return client;
}

export function connectTransport(edge: Edge, baseUrl: string): Transport {
  // #region connect
  // edge: queryEdge({ method: unaryMethod(ProjectsService.method.getProject), … })
  const transport = createGrpcTransport({ baseUrl, interceptors: [edgeInterceptor([edge.interceptor])] });
  // #endregion
  return transport;
}
