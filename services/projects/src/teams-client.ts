import { status as Code } from '@grpc/grpc-js';
import { TeamsServiceClient, type Team } from '@banyan/contracts/teams';
import { clientFor, isServiceError, unary, type CallOrigin, type ClientWiring } from '@banyan/service-host';

/** What projects asks of teams. */
export interface TeamsClient {
  /** Edge `projects -> teams.GetTeam`. Undefined: there is no such team. */
  getTeam: (id: string, origin: CallOrigin) => Promise<Team | undefined>;
  close: () => void;
}

/**
 * The only place where projects meets teams: what switches an edge's path is put in here.
 *
 * @param address host:port of teams
 */
export function teamsClient(address: string, wiring: ClientWiring = {}): TeamsClient {
  const client = clientFor(TeamsServiceClient, address, { caller: 'projects', ...wiring });
  return {
    getTeam: async (id, origin) => {
      try {
        return (await unary(client.getTeam.bind(client), { id }, origin)).team;
      } catch (error) {
        if (isServiceError(error) && error.code === Code.NOT_FOUND) return undefined;
        throw error;
      }
    },
    close: () => client.close(),
  };
}
