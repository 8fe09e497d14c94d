import { parseEdge, type EdgeOverview, type ProcessReport } from '@banyan/control';
import type { ServiceRow } from '../wire.js';

/** The services at either end of an edge, and those of which a process reports, by name. */
export function serviceRows(edges: readonly EdgeOverview[], reports: readonly ProcessReport[]): ServiceRow[] {
  const names = edges.map(({ edge }) => parseEdge(edge));
  const all = [
    ...names.flatMap(({ caller, provider }) => [caller, provider]),
    ...reports.map(({ service }) => service),
  ];
  return [...new Set(all)].sort().map((name) => {
    const own = reports.filter(({ service }) => service === name);
    const provides = names.filter(({ provider }) => provider === name);
    return {
      name,
      instances: own.map(({ instance, pid }) => ({ instance, pid })),
      provides: [...new Set(provides.map(({ provider, method }) => `${provider}.${method}`))].sort(),
    };
  });
}
