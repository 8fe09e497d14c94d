/** Pass, fail, or not enough known yet; the reasons say why, each for itself. */
export interface GateVerdict {
  outcome: 'pass' | 'fail' | 'not-enough';
  reasons: string[];
}

export type Finding = [outcome: GateVerdict['outcome'], reason: string];

/** The worst finding decides; the reasons given are those of that outcome. */
export function verdictOf(findings: readonly Finding[]): GateVerdict {
  for (const outcome of ['fail', 'not-enough', 'pass'] as const) {
    const reasons = findings.filter(([found]) => found === outcome).map(([, reason]) => reason);
    if (reasons.length > 0) return { outcome, reasons };
  }
  return { outcome: 'not-enough', reasons: ['nothing is known of the edge'] };
}
