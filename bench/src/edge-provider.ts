// A provider of projects in a process of its own, so that what it costs is not the caller's. It listens twice: bare, and with a
// ledger of who calls. Forked by the case `edge`.
import { Server, ServerCredentials, type handleUnaryCall, type ServerInterceptor } from '@grpc/grpc-js';
import {
  GetProjectResponse,
  ProjectsServiceService,
  type GetProjectRequest,
} from '@banyan/contracts/projects';
import { serverLedger } from '@banyan/edge';

const handler: handleUnaryCall<GetProjectRequest, GetProjectResponse> = ({ request: { id } }, answer) =>
  answer(null, GetProjectResponse.fromPartial({ project: { id, version: 1, name: 'Fig', teamId: 't1' } }));

function listen(interceptors: ServerInterceptor[]): Promise<string> {
  const server = new Server({ interceptors });
  const { getProject } = ProjectsServiceService;
  server.addService({ getProject }, { getProject: handler });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
    );
  });
}

process.on('disconnect', () => process.exit(0));
process.send?.({ bare: await listen([]), booked: await listen([serverLedger().interceptor]) });
