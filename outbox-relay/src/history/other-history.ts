import { BanyanError } from '@banyan/runtime';

/** What was found of a history that is not this database's, and the command that decides. */
export function otherHistory(source: string, what: string): BanyanError {
  return new BanyanError('BANYAN_OTHER_HISTORY', what, {
    remedy:
      'Find out which history is right (docs/histories.md). If it is this database’s: ' +
      `banyan-relay new-epoch --source ${source}=<url> --nats <url> --yes --reason "…"`,
  });
}
