export { queryEdge, QueryEdge } from './query-edge.js';
export type { BudgetOptions, CompareOptions, QueryEdgeOptions } from './query-edge-options.js';
export type { NotFoundStatus } from './replica-first.js';
export type { Freshness, ReadContext, Replica } from './replica.js';
