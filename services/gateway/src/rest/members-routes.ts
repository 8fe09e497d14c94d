import { Type } from 'typebox';
import type { ServiceClients } from '../service-clients.js';
import { answers, created } from './answers.js';
import { pageOf, shownPage } from './pages.js';
import { ById, ByMember, listOf, Member, NewMember, paging } from './schemas.js';
import type { Api } from './type-provider.js';
import { expectedVersion, sendCreated, sendOne, sendWhole } from './versions.js';
import { memberView } from './views.js';

const tags = ['members'];
const config = { source: 'teams' };

export function membersRoutes(api: Api, { teams }: ServiceClients): void {
  const list = Type.Object(paging, { additionalProperties: false });
  const listed = { tags, params: ById, querystring: list, response: answers(listOf(Member)) };
  api.get('/teams/:id/members', { schema: listed, config }, async (request, reply) => {
    const question = { teamId: request.params.id, ...pageOf(request.query) };
    const answer = await request.scope.call(teams.listMembers.bind(teams), question);
    return sendWhole(reply, shownPage(answer.memberships.map(memberView), answer.nextPageToken));
  });

  const joined = { tags, params: ById, body: NewMember, response: created(Member) };
  api.post('/teams/:id/members', { schema: joined }, async (request, reply) => {
    const member = { teamId: request.params.id, ...request.body };
    const { membership } = await request.scope.call(teams.addMember.bind(teams), member);
    return sendCreated(
      reply,
      memberView(membership),
      `/api/teams/${member.teamId}/members/${member.memberId}`,
    );
  });

  const one = { tags, params: ByMember, response: answers(Member) };
  api.get('/teams/:id/members/:memberId', { schema: one, config }, async (request, reply) => {
    const { id: teamId, memberId } = request.params;
    const { membership } = await request.scope.call(teams.getMembership.bind(teams), { teamId, memberId });
    return sendOne(reply, memberView(membership));
  });

  api.delete('/teams/:id/members/:memberId', { schema: one }, async (request, reply) => {
    const { id: teamId, memberId } = request.params;
    const change = { teamId, memberId, expectedVersion: expectedVersion(request) };
    const { membership } = await request.scope.call(teams.removeMember.bind(teams), change);
    return sendOne(reply, memberView(membership));
  });
}
