import type { Command } from 'commander';
import { LADDERS, planShareDown } from '@banyan/control';
import { findEdge, withControlPlane } from '../control-plane.js';
import { findNats } from '../find-nats.js';
import { gateTermsOf, type Surroundings } from './command-options.js';
import { withMoveOptions } from './move-options.js';
import { carryOut, type MoveOptions } from './move.js';

const EXAMPLES = `
Examples:
  banyan back "tasks -> projects.GetProject" --yes                one stage down
  banyan back tasks:projects.GetProject --to call --yes           all the way
  banyan back tasks:projects.GetProject --share 5 --yes           the stage stays, for 5 % of the keys

Going back needs no gate. Exit codes: 0 the change is in force everywhere; 1 failed; 2 not yet.`;

/** `banyan back <edge>`: a stage down, or several; always allowed, down to the floor. */
export function addBack(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('back')
    .description('move an edge down, one stage or to the one given with --to');
  withMoveOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], options: MoveOptions) => {
      const server = findNats({ given: options.nats, ...surroundings });
      await withControlPlane(server, gateTermsOf(options, surroundings), (plane) => {
        const edge = findEdge(plane.edges, words.join(' '));
        const to = planShareDown({ ...edge, ladder: edge.ladder ?? LADDERS[edge.kind] }, options);
        const move = { edge, to, why: options.reason ?? 'back', known: edge.next ?? undefined };
        return carryOut(move, { plane, options, surroundings });
      });
    });
}
