import { Findings, type Finding } from './finding.js';

/** Edges allow for 100 ms unless told otherwise (`clockSkewMs`). */
const ALLOWED_MS = 100;

/** A clock elsewhere, read once. */
export interface ClockReading {
  whose: string;
  /** How far it is ahead of this machine's, in ms, give or take `plusMinusMs`. */
  aheadMs: number;
  /** Half of the time that asking took. */
  plusMinusMs: number;
}

/** Reads a clock: its time is compared with the middle of the time that asking took. */
export async function readClock(whose: string, read: () => Promise<number>): Promise<ClockReading> {
  const beganMs = Date.now();
  const theirsMs = await read();
  const endedMs = Date.now();
  return { whose, aheadMs: theirsMs - (beganMs + endedMs) / 2, plusMinusMs: (endedMs - beganMs) / 2 };
}

/** Clocks that differ by more than edges allow for make replicas look fresher, or older, than they are. */
export function examineClocks(readings: readonly ClockReading[]): Finding[] {
  const findings = new Findings('clocks');
  for (const { whose, aheadMs, plusMinusMs } of readings) {
    const found = `${signed(aheadMs)} ms (± ${plusMinusMs.toFixed(0)})`;
    const atLeastMs = Math.abs(aheadMs) - plusMinusMs;
    if (atLeastMs <= ALLOWED_MS) findings.ok(whose, found);
    else {
      const remedy = `Run NTP on both machines; else give the edges' option clockSkewMs at least ${Math.ceil(atLeastMs)}.`;
      findings.warn(whose, found, remedy);
    }
  }
  return findings.all;
}

const signed = (ms: number): string => `${ms < 0 ? '-' : '+'}${Math.abs(ms).toFixed(0)}`;
