import {
  decodeRelayFound,
  decodeRelayReport,
  relayFindSubjectOf,
  RELAY_REPORT_SUBJECT,
  type RelayFound,
  type RelayReport,
  type RelayTask,
  type RelayTaskAnswer,
} from '@banyan/contracts';
import { BanyanError, nearestName } from '@banyan/runtime';
import { createInbox, type NatsConnection } from '@nats-io/nats-core';
import { askAll, errorOf } from './ask.js';

/** How long to wait for reports, and for relays that first ask their database who it is. In ms. */
const REPORT_MS = 500;
const FIND_MS = 1000;

/** A relay at work on a task says so every second; without a word for so long it is given up, in ms. */
const SILENCE_MS = 10_000;

/** What every relay process says of itself. */
export async function collectRelayReports(connection: NatsConnection): Promise<RelayReport[]> {
  const answers = await askAll(connection, RELAY_REPORT_SUBJECT, REPORT_MS);
  return answers.map(decodeRelayReport).filter((report) => report !== undefined);
}

export interface WhichRelay {
  source: string;
  /** host:pid, as given with --relay. */
  relay?: string | undefined;
  /** Who is asked, if several could be. */
  prefer: 'leading' | 'refusing';
}

/**
 * The relay to give a task to. Any of those on one database will do; but there may be relays on two databases that both claim
 * to be the source, and then the operator has to say which is meant.
 *
 * @throws BanyanError BANYAN_RELAY_UNREACHABLE if none answers, or BANYAN_RELAY_AMBIGUOUS
 */
export async function findRelay(connection: NatsConnection, which: WhichRelay): Promise<RelayFound> {
  const { source, relay, prefer } = which;
  const answers = await askAll(connection, relayFindSubjectOf(checked(source)), FIND_MS);
  const all = answers.map(decodeRelayFound).filter((found) => found !== undefined);
  const meant = relay === undefined ? all : all.filter((found) => found.relay === relay);
  const databases = new Set(meant.flatMap(({ database }) => database ?? []));
  const [first] = meant.sort((a, b) => rank(a, prefer) - rank(b, prefer));
  if (first === undefined) throw await unreachable(connection, which, all);
  if (databases.size <= 1) return first;
  throw new BanyanError(
    'BANYAN_RELAY_AMBIGUOUS',
    `${databases.size} databases claim to be ${source}: ${meant.map(described).join('; ')}`,
  );
}

/**
 * Gives a relay a task and waits for its outcome, however long it takes.
 *
 * @throws BanyanError as the relay threw it, or BANYAN_RELAY_UNREACHABLE if it falls silent
 */
export async function giveTask<Result>(
  connection: NatsConnection,
  relay: RelayFound,
  { task, onProgress }: { task: RelayTask; onProgress: (progress: { done: number; of: number }) => void },
): Promise<Result> {
  const inbox = createInbox();
  // Its time-out is for the first message only, so silence is watched for here.
  const answers = connection.subscribe(inbox);
  const silence = setTimeout(() => answers.unsubscribe(), SILENCE_MS);
  connection.publish(relay.at, JSON.stringify(task), { reply: inbox });
  try {
    for await (const message of answers) {
      silence.refresh();
      if (message.headers?.code === 503) break;
      const answer = message.json<RelayTaskAnswer>();
      if ('progress' in answer) onProgress(answer.progress);
      else if ('result' in answer) return answer.result as Result;
      else throw errorOf(answer.error);
    }
    throw new BanyanError(
      'BANYAN_RELAY_UNREACHABLE',
      `relay ${relay.relay} fell silent; what became of its task is not known`,
    );
  } finally {
    clearTimeout(silence);
    answers.unsubscribe();
  }
}

function checked(source: string): string {
  if (/^[a-z][a-z0-9_-]*$/.test(source)) return source;
  throw new BanyanError('BANYAN_OPTION_INVALID', `${JSON.stringify(source)} is no source's name`, {
    remedy: 'Sources are named as in `banyan relay status`: lower-case letters, digits, - and _.',
  });
}

function rank({ state }: RelayFound, prefer: WhichRelay['prefer']): number {
  return [prefer, 'leading', 'standby', 'refusing', 'down'].indexOf(state);
}

function described({ relay, state, database }: RelayFound): string {
  return `${relay} (${state}) on ${database ?? 'a database that does not answer'}`;
}

async function unreachable(
  connection: NatsConnection,
  { source, relay }: WhichRelay,
  all: readonly RelayFound[],
): Promise<BanyanError> {
  if (relay !== undefined && all.length > 0) {
    const what = `no relay of ${source} is ${relay}: there are ${all.map(described).join('; ')}`;
    return new BanyanError('BANYAN_RELAY_UNREACHABLE', what);
  }
  const reports = await collectRelayReports(connection);
  const known = [...new Set(reports.flatMap(({ sources }) => sources.map((each) => each.source)))].sort();
  const near = nearestName(source, known);
  const others = known.length === 0 ? 'no relay answers at all' : `relays answer for ${known.join(', ')}`;
  const hint = near === undefined || known.includes(source) ? others : `did you mean ${near}?`;
  return new BanyanError('BANYAN_RELAY_UNREACHABLE', `no relay of ${source} answers: ${hint}`);
}
