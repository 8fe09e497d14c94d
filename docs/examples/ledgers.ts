import { credentials, Server } from '@grpc/grpc-js';
import { ProjectsServiceClient } from '@banyan/contracts/projects';
import { LedgerKeeper, Reporter, type Connection } from '@banyan/control';
import { clientLedger, serverLedger, type EdgeProcess, type GuardedEdge } from '@banyan/edge';

// #region process
export function bookedClient(address: string, edges: EdgeProcess, edge: GuardedEdge): ProjectsServiceClient {
  // The ledger last: what a replica answers is no call.
  const interceptors = [edge.interceptor, edges.clientLedger().interceptor];
  return new ProjectsServiceClient(address, credentials.createInsecure(), { interceptors });
}

export function bookedServer(edges: EdgeProcess): Server {
  // The ledger first: what a later interceptor refuses was a call.
  return new Server({ interceptors: [edges.serverLedger().interceptor] });
}
// #endregion

// #region alone
export function ledgersOf(service: string, connection: Connection) {
  const [called, callers] = [clientLedger({ service }), serverLedger()];
  const ledgers = { report: () => ({ client: called.report(), server: callers.report() }) };
  const reporter = new Reporter({ connection, service, edges: [], ledgers });
  const keeper = new LedgerKeeper({ connection, service, ledger: callers });
  return {
    client: called.interceptor,
    server: callers.interceptor,
    start: () => Promise.all([reporter.start(), keeper.start()]),
    /** Once the server has taken its last call. */
    stop: async () => {
      await keeper.stop();
      reporter.stop();
    },
  };
}
// #endregion
