import type { Command } from 'commander';
import { parseEdge, StageStore, type EdgeOverview, type StageRecord } from '@banyan/control';
import { findEdge, withControlPlane, type ControlPlane } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { showEdge, showEdges } from '../show-edge.js';
import {
  EDGE_ARGUMENT,
  gateOptionsOf,
  withCommonOptions,
  type CommonOptions,
  type Surroundings,
} from './command-options.js';

const EXAMPLES = `
Examples:
  banyan status
  banyan status "tasks -> projects.GetProject"
  banyan status tasks:projects.GetProject --json`;

/** `banyan status [edge]`: where every edge stands, or all about one. Changes nothing. */
export function addStatus(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('status')
    .description('where each edge stands, and what it needs to advance');
  withCommonOptions(command)
    .argument('[edge...]', EDGE_ARGUMENT)
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], options: CommonOptions) => {
      const server = findNats({ given: options.nats, ...surroundings });
      await withControlPlane(server, gateOptionsOf(options), (plane) =>
        status(plane, words.join(' '), { options, surroundings }),
      );
    });
}

interface Context {
  options: CommonOptions;
  surroundings: Surroundings;
}

async function status(
  plane: ControlPlane,
  written: string,
  { options, surroundings }: Context,
): Promise<void> {
  const one = written === '' ? undefined : findEdge(plane.edges, written);
  const history = one === undefined ? [] : await historyOf(plane, one);
  const { terminal, ended } = surroundings;
  if (options.json === true) {
    const edges = one === undefined ? plane.edges : [one];
    terminal.out(JSON.stringify({ ok: true, edges, ...(one === undefined ? {} : { history }) }));
  } else {
    const nowMs = Date.now();
    const lines = one === undefined ? showEdges(plane.edges, nowMs) : showEdge(one, history, nowMs);
    for (const line of lines) terminal.out(line);
  }
  ended(EXIT.done);
}

async function historyOf({ connection }: ControlPlane, { edge }: EdgeOverview): Promise<StageRecord[]> {
  const store = await StageStore.open(connection);
  return store.history(parseEdge(edge));
}
