// A provider of projects in a process of its own, so that what it costs is not the caller's. Forked by the case `edge`.
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import {
  GetProjectResponse,
  ProjectsServiceService,
  type GetProjectRequest,
} from '@banyan/contracts/projects';

const handler: handleUnaryCall<GetProjectRequest, GetProjectResponse> = ({ request: { id } }, answer) =>
  answer(null, GetProjectResponse.fromPartial({ project: { id, version: 1, name: 'Fig', teamId: 't1' } }));

const server = new Server();
const { getProject } = ProjectsServiceService;
server.addService({ getProject }, { getProject: handler });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.(`127.0.0.1:${port}`);
});
process.on('disconnect', () => process.exit(0));
