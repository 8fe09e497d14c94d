import type { Command } from 'commander';
import { planShareUp, type EdgeOverview, type GateVerdict } from '@banyan/control';
import { BanyanError } from '@banyan/runtime';
import { findEdge, withControlPlane } from '../control-plane.js';
import { findNats } from '../find-nats.js';
import { refuseKeyless } from '../may-move.js';
import { NotYet } from '../not-yet.js';
import { gateTermsOf, type Surroundings } from './command-options.js';
import { withMoveOptions } from './move-options.js';
import { carryOut, targetText, type MoveContext, type MoveOptions, type PlannedMove } from './move.js';

const EXAMPLES = `
Examples:
  banyan advance "tasks -> projects.GetProject"          says what it would do, asks at a terminal
  banyan advance tasks:projects.GetProject --yes         does it if the gate passes
  banyan advance tasks:projects.GetProject --share 10 --yes   for 10 % of the keys; then --share 50, then without
  banyan advance tasks:projects.GetProject --yes --force --reason "drill on staging"

Exit codes: 0 the change is in force everywhere; 1 failed, or the gate refuses; 2 not yet.`;

interface AdvanceOptions extends MoveOptions {
  force?: boolean;
}

/** `banyan advance <edge>`: one stage up, if its gate passes. */
export function addAdvance(program: Command, surroundings: Surroundings): void {
  const command = program.command('advance').description('move an edge one stage up, if its gate passes');
  withMoveOptions(command)
    .option('--force', 'override the gate; needs --reason, and is recorded')
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], options: AdvanceOptions) => {
      const server = findNats({ given: options.nats, ...surroundings });
      await withControlPlane(server, gateTermsOf(options, surroundings), (plane) => {
        const edge = findEdge(plane.edges, words.join(' '));
        return advance(edge, options, { plane, options, surroundings });
      });
    });
}

async function advance(edge: EdgeOverview, options: AdvanceOptions, context: MoveContext): Promise<void> {
  if (options.force === true && options.reason === undefined) {
    throw new BanyanError('BANYAN_OPTION_INVALID', '--force needs --reason "…", which is recorded');
  }
  await carryOut(plan(edge, options), context);
}

function plan(edge: EdgeOverview, { to, share, force, reason }: AdvanceOptions): PlannedMove {
  const { ladder, next } = edge;
  if (ladder === null)
    throw new NotYet(
      `no process reports ${edge.edge}, so its stages are not known`,
      'Start the calling service, or ask again.',
    );
  const target = planShareUp({ ...edge, ladder }, { to, share });
  refuseKeyless(edge, target.share);
  const gate: GateVerdict = next ?? { outcome: 'not-enough', reasons: ['nothing is known of the edge'] };
  if (gate.outcome === 'pass') return { edge, to: target, why: reason ?? 'its gate passed', gate };
  if (force === true) return { edge, to: target, why: reason ?? '', gate, forced: true };
  throw refusal(`${edge.edge} does not advance to ${targetText(target)}: ${gate.reasons.join('; ')}`, gate);
}

function refusal(message: string, { outcome }: GateVerdict): BanyanError {
  return outcome === 'fail' ? new BanyanError('BANYAN_GATE_REFUSED', message) : new NotYet(message);
}
