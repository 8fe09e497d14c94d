import {
  changeStage,
  LADDERS,
  parseEdge,
  planShareDown,
  planShareUp,
  type EdgeOverview,
  type GateTermsFor,
  type ShareMove,
} from '@banyan/control';
import { lookAt, refuseForeign, refuseKeyless, type ControlPlane } from '@banyan/playbook';
import type { NatsConnection } from '@nats-io/nats-core';
import { ProblemError } from '../../problem/problem.js';
import { changedMeanwhile, gateRefused, type JudgedGate } from '../operator-problem.js';
import type { AdvanceRequest, BackRequest, StageMoved } from '../wire.js';

/** How long an answer waits for the processes to run a change, in ms. The change stands even if some do not. */
const IN_FORCE_MS = 5_000;

/** A move that somebody asks for. */
export interface Asked<R> {
  /** As written. */
  edge: string;
  by: string;
  request: R;
}

interface Planned {
  to: ShareMove;
  gate?: JudgedGate;
  forced?: boolean;
}

/**
 * Moves an edge a stage up, as `banyan advance` does: by a fresh look, through its gate, on the change that was seen.
 *
 * @throws ProblemError 404 if nobody knows it, 409 if its gate does not pass, 412 if another change came first
 * @throws BanyanError as `changeStage`
 */
export async function advance(
  connection: NatsConnection,
  asked: Asked<AdvanceRequest>,
  termsFor: GateTermsFor,
): Promise<StageMoved> {
  const { plane, edge } = await standing(connection, asked, termsFor);
  return move(plane, { edge, asked, planned: planUp(edge, asked.request) });
}

/** Moves an edge down, as `banyan back` does: that needs no gate. @throws as `advance` */
export async function back(connection: NatsConnection, asked: Asked<BackRequest>): Promise<StageMoved> {
  const { plane, edge } = await standing(connection, asked);
  const { to } = asked.request;
  const ladder = edge.ladder ?? LADDERS[edge.kind];
  return move(plane, { edge, asked, planned: { to: planShareDown({ ...edge, ladder }, { to }) } });
}

async function standing(
  connection: NatsConnection,
  { edge: written, request }: Asked<BackRequest>,
  termsFor?: GateTermsFor,
): Promise<{ plane: ControlPlane; edge: EdgeOverview }> {
  const { text } = parseEdge(written);
  const plane = await lookAt(connection, termsFor);
  const edge = findEdge(plane.edges, text);
  if (edge.change !== request.expectedChange)
    throw changedMeanwhile(text, edge.change, request.expectedChange);
  refuseForeign(edge);
  return { plane, edge };
}

/** @throws ProblemError 404 */
export function findEdge(edges: readonly EdgeOverview[], text: string): EdgeOverview {
  const found = edges.find(({ edge }) => edge === text);
  if (found !== undefined) return found;
  throw new ProblemError({
    status: 404,
    code: 'EDGE_UNKNOWN',
    detail: `neither the stage bucket nor a process knows ${text}`,
    remedy: 'GET /api/operator/overview lists the edges; one appears once its process runs.',
  });
}

function planUp(edge: EdgeOverview, { to, share, force }: AdvanceRequest): Planned {
  const { ladder, next } = edge;
  const unknown: JudgedGate = {
    outcome: 'not-enough',
    reasons: ['no process reports it: its stages are not known'],
    settingsFrom: 'defaults',
  };
  if (ladder === null) throw gateRefused(edge.edge, unknown);
  const target = planShareUp({ ...edge, ladder }, { to, share });
  refuseKeyless(edge, target.share);
  const { outcome, reasons, settingsFrom } = next ?? unknown;
  const verdict = { outcome, reasons, settingsFrom };
  if (verdict.outcome === 'pass') return { to: target, gate: verdict };
  if (force === true) return { to: target, gate: verdict, forced: true };
  throw gateRefused(edge.edge, verdict);
}

interface Wanted {
  edge: EdgeOverview;
  asked: Asked<BackRequest>;
  planned: Planned;
}

async function move({ connection, records }: ControlPlane, wanted: Wanted): Promise<StageMoved> {
  const { edge, asked, planned } = wanted;
  const { to, gate, forced } = planned;
  const { record, inForce, missing } = await changeStage(connection, {
    ...{ edge: edge.edge, kind: edge.kind, ...to, by: asked.by, why: asked.request.reason },
    expected: records.find((each) => each.edge === edge.edge)?.changeId,
    timeoutMs: IN_FORCE_MS,
    ...(gate === undefined ? {} : { evidence: gate }),
    ...(forced === true ? { forced } : {}),
  });
  return {
    ...{ edge: edge.edge, from: edge.stage, to: record.stage, share: record.share ?? 100 },
    ...{ change: record.change, inForceMs: Math.max(0, ...inForce.map(({ ms }) => ms)) },
    ...{ inForce: inForce.length, missing },
  };
}
