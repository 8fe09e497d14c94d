import type { LedgerReport, LedgerReporting } from '@banyan/control';
import type { ClientLedger } from './client-ledger.js';
import type { ServerLedger } from './server-ledger.js';

/** The ledgers that a process has declared. */
export class ProcessLedgers implements LedgerReporting {
  client: ClientLedger | undefined;
  server: ServerLedger | undefined;

  report(): LedgerReport {
    return {
      ...(this.client === undefined ? {} : { client: this.client.report() }),
      ...(this.server === undefined ? {} : { server: this.server.report() }),
    };
  }
}
