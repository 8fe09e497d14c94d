import { InvalidArgumentError, type Command } from 'commander';
import { parseEdge, readRehearsals, StageStore, type EdgeOverview, type StageRecord } from '@banyan/control';
import { findEdge, withControlPlane, type ControlPlane } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { rehearsalText } from '../rehearse/show-rehearsal.js';
import { showEdge, showEdges } from '../show-edge.js';
import { watchStatus } from '../status/watch.js';
import { section } from '../table.js';
import {
  EDGE_ARGUMENT,
  gateTermsOf,
  withGatePlaybook,
  type CommonOptions,
  type Surroundings,
} from './command-options.js';

const EXAMPLES = `
Examples:
  banyan status
  banyan status "tasks -> projects.GetProject"
  banyan status tasks:projects.GetProject --json
  banyan status --watch                 in place at a terminal; else a line for each change; Ctrl-C ends it
  banyan status --watch --every 10 --json       an object a line, every 10 s`;

interface StatusOptions extends CommonOptions {
  watch?: boolean;
  every: number;
}

/** `banyan status [edge]`: where every edge stands, or all about one. Changes nothing. */
export function addStatus(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('status')
    .description('where each edge stands, and what it needs to advance');
  withGatePlaybook(command)
    .argument('[edge...]', EDGE_ARGUMENT)
    .option('--watch', 'look again and again')
    .option('--every <seconds>', 'with --watch: the pause between two looks', seconds, 2)
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], options: StatusOptions) => {
      const server = findNats({ given: options.nats, ...surroundings });
      const show = (plane: ControlPlane): Promise<Shown> => status(plane, words.join(' '));
      const termsFor = gateTermsOf(options, surroundings);
      if (options.watch === true) {
        const { terminal } = surroundings;
        const how = { everyMs: 1_000 * options.every, terminal, json: options.json === true };
        await watchStatus({ server, termsFor, ...how, show });
      } else
        await withControlPlane(server, termsFor, async (plane) =>
          tell(await show(plane), options, surroundings),
        );
      surroundings.ended(EXIT.done);
    });
}

/** What there is to say at one moment, for programs and for people. */
export interface Shown {
  json: { edges: EdgeOverview[] };
  lines: string[];
}

async function status(plane: ControlPlane, written: string): Promise<Shown> {
  const nowMs = Date.now();
  if (written === '') return { json: { edges: plane.edges }, lines: showEdges(plane.edges, nowMs) };
  const one = findEdge(plane.edges, written);
  const [history, rehearsals] = await Promise.all([historyOf(plane, one), readRehearsals(plane.connection)]);
  const rehearsal = rehearsals.find(({ edge }) => edge === one.edge);
  const json = { edges: [one], history, rehearsal: rehearsal ?? null };
  const rehearsed = rehearsal === undefined ? [] : [`${rehearsal.at}  ${rehearsalText(rehearsal)}`];
  return { json, lines: [...showEdge(one, history, nowMs), ...section('Last rehearsal', rehearsed)] };
}

function tell({ json, lines }: Shown, options: StatusOptions, { terminal }: Surroundings): void {
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, ...json }));
  else for (const line of lines) terminal.out(line);
}

async function historyOf({ connection }: ControlPlane, { edge }: EdgeOverview): Promise<StageRecord[]> {
  const store = await StageStore.open(connection);
  return store.history(parseEdge(edge));
}

function seconds(value: string): number {
  const number = Number(value);
  if (value !== '' && number >= 0.2 && number <= 3_600) return number;
  throw new InvalidArgumentError('It must be a number of seconds from 0.2 to 3600.');
}
