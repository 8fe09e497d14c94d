import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

/** Metadata in which a caller says who it is. */
export const CALLER_HEADER = 'banyan-caller';

/** Metadata in which a call says whose ledger it is booked in; see `ClientLedgerReport`. */
export const LEDGER_HEADER = 'banyan-ledger';

/** Names come off the wire: none is kept that is longer than a name. */
export const MAX_NAME = 64;

const { version: VERSION } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** An id unlike any other ledger's. */
export function newLedgerId(): string {
  return randomUUID().slice(0, 8);
}

/** What the calls of a ledger carry. */
export function newMark(): string {
  return `${VERSION}/${newLedgerId()}`;
}
