import type { EdgeOverview } from '@banyan/service-gateway/wire';

/*
 * What the gateway says, by the names that the page uses: types, and nothing of it in the built page.
 */
export type * from '@banyan/service-gateway/wire';

export type QueryOverview = Extract<EdgeOverview, { kind: 'query' }>;
export type ReactionOverview = Extract<EdgeOverview, { kind: 'reaction' }>;
export type ProcessOverview = EdgeOverview['processes'][number];

/** What was measured at one stage under one change. */
export type ChangeEvidence = QueryOverview['evidence'][number];
export type ReactionEvidence = ReactionOverview['evidence'][number];
export type ComparisonCounts = ChangeEvidence['comparisons'];
export type CacheCounts = NonNullable<ChangeEvidence['cache']>;
export type FreshnessReport = NonNullable<QueryOverview['freshness']>;
