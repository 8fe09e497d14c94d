import { BanyanError } from '@banyan/runtime';

/** Nothing is wrong, but it cannot be done now: the command exits with 2. */
export class NotYet extends BanyanError {
  constructor(message: string, remedy?: string) {
    super('BANYAN_GATE_REFUSED', message, remedy === undefined ? {} : { remedy });
  }
}
