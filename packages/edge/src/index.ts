export { queryEdge, QueryEdge } from './query-edge.js';
export type { BudgetOptions, CompareOptions, QueryEdgeOptions } from './query-edge-options.js';
export type { NotFoundStatus } from './replica-first.js';
export type { EdgeReplica, ReadContext } from './replica.js';
