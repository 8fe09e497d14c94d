import type { Command } from 'commander';
import { parseEdge, StageStore, type EdgeOverview, type EdgeReport, type StageRecord } from '@banyan/control';
import { findEdge, withControlPlane, type ControlPlane } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { evidenceLines } from '../show-evidence.js';
import {
  EDGE_ARGUMENT,
  gateTermsOf,
  withGatePlaybook,
  type CommonOptions,
  type Surroundings,
} from './command-options.js';

const EXAMPLES = `
Examples:
  banyan evidence "tasks -> projects.GetProject"
  banyan evidence tasks:projects.GetProject --json > evidence.json
  banyan mismatch list tasks:projects.GetProject      the answers that differ, with their values

What processes measured is theirs, and begins anew with them; what a change was decided on lies with the change.`;

/** What one process measured of an edge. */
export interface ProcessEvidence {
  service: string;
  instance: string;
  pid: number;
  report: EdgeReport;
}

/** All that speaks for and against an edge. */
export interface EdgeEvidence {
  edge: EdgeOverview;
  processes: ProcessEvidence[];
  /** Its changes, oldest first, each with what was known when it was made. */
  changes: StageRecord[];
}

/** `banyan evidence <edge>`: all that was measured on an edge, and what its changes were decided on. Changes nothing. */
export function addEvidence(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('evidence')
    .description('all that was measured on an edge, by process, and what each change was decided on');
  withGatePlaybook(command)
    .argument('<edge...>', EDGE_ARGUMENT)
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], options: CommonOptions) => {
      const server = findNats({ given: options.nats, ...surroundings });
      const found = await withControlPlane(server, gateTermsOf(options, surroundings), (plane) =>
        evidenceOf(plane, words.join(' ')),
      );
      const { terminal, ended } = surroundings;
      if (options.json === true) terminal.out(JSON.stringify({ ok: true, ...found }));
      else for (const line of evidenceLines(found)) terminal.out(line);
      ended(EXIT.done);
    });
}

async function evidenceOf(plane: ControlPlane, written: string): Promise<EdgeEvidence> {
  const edge = findEdge(plane.edges, written);
  const store = await StageStore.open(plane.connection);
  return {
    edge,
    processes: plane.reports.flatMap(({ edges, service, instance, pid }) =>
      edges
        .filter((report) => report.edge === edge.edge)
        .map((report) => ({ service, instance, pid, report })),
    ),
    changes: await store.history(parseEdge(edge.edge)),
  };
}
