import {
  changeStage,
  type EdgeOverview,
  type GateVerdict,
  type ShareMove,
  type StageChanged,
} from '@banyan/control';
import type { ControlPlane } from '../control-plane.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { refuseForeign } from '../may-move.js';
import { inForce, showSettings, stageText } from '../show-edge.js';
import { isWanted, userName, type CommonOptions, type Surroundings } from './command-options.js';

/** The options of the commands that move an edge. */
export interface MoveOptions extends CommonOptions {
  yes?: boolean;
  to?: string;
  share?: number;
  by?: string;
  reason?: string;
  timeout: number;
}

/** A move that may be made, but has not been yet. */
export interface PlannedMove {
  edge: EdgeOverview;
  to: ShareMove;
  why: string;
  /** What had to pass. */
  gate?: GateVerdict;
  /** What is recorded of a move that no gate stands before: what the edge's gate would say. */
  known?: GateVerdict | undefined;
  forced?: boolean;
}

export interface MoveContext {
  plane: ControlPlane;
  options: MoveOptions;
  surroundings: Surroundings;
}

/** Says what a move would do, and does it if that was asked for: by --yes, or by a person at the terminal. */
export async function carryOut(move: PlannedMove, context: MoveContext): Promise<void> {
  const { options, surroundings } = context;
  const { terminal, ended } = surroundings;
  refuseForeign(move.edge);
  if (options.json !== true) terminal.out(describe(move));
  if (await isWanted(options, terminal)) {
    const changed = await make(move, context);
    ended(tell(move, changed, context));
    return;
  }
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, done: false, plan: planOf(move) }));
  else terminal.out('Nothing was changed. Add --yes to do it.');
  ended(EXIT.notYet);
}

function describe({ edge, to, why, gate, forced }: PlannedMove): string {
  const gateLine = gate === undefined ? '' : `\n  gate       ${gate.outcome}: ${gate.reasons.join('; ')}`;
  const settings = gate === undefined ? [] : showSettings(edge);
  const forcedLine = forced === true ? '\n  forced     the gate is overridden, and that is recorded' : '';
  return (
    `${edge.edge}: ${stageText(edge)} -> ${targetText(to)}\n  why        ${why}\n` +
    `  processes  ${edge.processes.length} known, ${inForce(edge)} run the last change${gateLine}${settings.map((line) => `\n${line}`).join('')}${forcedLine}`
  );
}

/** The stage that a move leads to; for a share, with the stage of the other keys. */
export function targetText({ stage, from, share }: ShareMove): string {
  return stageText({ stage, ramp: share < 100 ? { from, share } : null });
}

function make(
  { edge, to, why, gate, known, forced }: PlannedMove,
  context: MoveContext,
): Promise<StageChanged> {
  const { plane, options, surroundings } = context;
  const evidence = gate ?? known;
  return changeStage(plane.connection, {
    edge: edge.edge,
    kind: edge.kind,
    ...to,
    by: options.by ?? userName(surroundings.env),
    why,
    expected: plane.records.find((record) => record.edge === edge.edge)?.changeId,
    timeoutMs: options.timeout,
    ...(evidence === undefined ? {} : { evidence }),
    ...(forced === true ? { forced } : {}),
  });
}

function tell(
  move: PlannedMove,
  changed: StageChanged,
  { options, surroundings: { terminal } }: MoveContext,
): ExitCode {
  const { record, inForce: running, missing } = changed;
  const code = missing.length === 0 ? EXIT.done : EXIT.notYet;
  if (options.json === true) {
    const done = missing.length === 0;
    terminal.out(JSON.stringify({ ok: true, done, plan: planOf(move), record, inForce: running, missing }));
    return code;
  }
  const slowest = Math.max(0, ...running.map(({ ms }) => ms));
  const known = running.length + missing.length;
  terminal.out(
    known === 0
      ? `Change ${record.change} is recorded. No process reports this edge; those that start will run it.`
      : `Change ${record.change} is in force in ${running.length}/${known} processes (slowest ${slowest} ms).`,
  );
  for (const { process, why } of missing) terminal.err(`not in force in ${process}: ${why}`);
  return code;
}

function planOf({ edge, to, why, gate, forced }: PlannedMove): object {
  return {
    edge: edge.edge,
    from: edge.stage,
    to: to.stage,
    share: to.share,
    why,
    gate: gate ?? null,
    forced: forced === true,
    processes: edge.processes.length,
  };
}
