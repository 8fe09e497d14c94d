import { status as Code } from '@grpc/grpc-js';
import { TeamsServiceClient, type Membership } from '@banyan/contracts/teams';
import { clientFor, isServiceError, unary, type CallOrigin, type ClientWiring } from '@banyan/service-host';

/** What tasks asks of teams. */
export interface TeamsClient {
  /** Edge `tasks -> teams.GetMembership`. Undefined: never was a member. */
  getMembership: (
    member: { teamId: string; memberId: string },
    origin: CallOrigin,
  ) => Promise<Membership | undefined>;
  close: () => void;
}

/**
 * The only place where tasks meets teams: what switches an edge's path is put in here.
 *
 * @param address host:port of teams
 */
export function teamsClient(address: string, wiring: ClientWiring = {}): TeamsClient {
  const client = clientFor(TeamsServiceClient, address, { caller: 'tasks', ...wiring });
  return {
    getMembership: async (member, origin) => {
      try {
        return (await unary(client.getMembership.bind(client), member, origin)).membership;
      } catch (error) {
        if (isServiceError(error) && error.code === Code.NOT_FOUND) return undefined;
        throw error;
      }
    },
    close: () => client.close(),
  };
}
