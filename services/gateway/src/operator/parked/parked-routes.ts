import { Type } from 'typebox';
import { ProblemError } from '../../problem/problem.js';
import type { Api } from '../../rest/type-provider.js';
import { described } from '../described.js';
import type { OperatorDesk } from '../operator-desk.js';
import { asked } from '../operator-problem.js';
import { Reason } from '../reason.js';
import type { ParkedDone, ParkedList } from '../wire.js';

const name = Type.String({ minLength: 1, maxLength: 500 });
const Which = Type.Object(
  { subscriber: name, source: name, aggregate: name, key: name, reason: Reason },
  { additionalProperties: false },
);

/** Keys whose events fail, and what is done with them. */
export function parkedRoutes(api: Api, desk: OperatorDesk): void {
  const list = described('parked', 'Keys that subscribers have set aside, oldest first.');
  api.get('/parked', { schema: list }, (): Promise<ParkedList> => known(desk).list());

  for (const [action, summary] of [
    ['retry', 'Asks the running subscriber to try a key again now.'],
    ['skip', 'Gives up the first event that waits for a key; what is left is tried at once.'],
  ] as const) {
    const schema = { ...described('parked', summary), body: Which };
    api.post(`/parked/${action}`, { schema }, ({ body, operator }): Promise<ParkedDone> => {
      const task = { action, request: body, by: operator.name };
      return asked(() => known(desk).act(desk.connection, task));
    });
  }
}

function known({ parked }: OperatorDesk) {
  if (parked.areKnown) return parked;
  throw new ProblemError({
    status: 404,
    code: 'NO_DATABASES',
    detail: 'this gateway knows no database of a subscriber',
    remedy: 'Give it the option operatorDatabases, or OPERATOR_DATABASES={"tasks":"postgres://…"}.',
  });
}
