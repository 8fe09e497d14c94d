import { Type } from 'typebox';
import { ProblemSchema } from '../rest/schemas.js';

/** How OpenAPI tells of a route. What it answers is typed in wire.ts, and sent as it is. */
export function described(tag: string, summary: string) {
  return {
    tags: [tag],
    summary,
    response: {
      200: Type.Unknown({ description: 'See @banyan/service-gateway/wire.' }),
      default: ProblemSchema,
    },
  };
}
