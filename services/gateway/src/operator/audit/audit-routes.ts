import { Type } from 'typebox';
import type { Api } from '../../rest/type-provider.js';
import { described } from '../described.js';
import type { AuditPage } from '../wire.js';
import type { AuditMirror } from './audit-mirror.js';

const Query = Type.Object(
  {
    limit: Type.Optional(
      Type.String({ pattern: '^([1-9]\\d{0,2}|1000)$', description: '1 to 1000; default 100.' }),
    ),
    before: Type.Optional(
      Type.String({ pattern: '^\\d{1,15}$', description: 'The `next` of the page before.' }),
    ),
  },
  { additionalProperties: false },
);

/** Who did what, when and why, newest first. */
export function auditRoutes(api: Api, audit: AuditMirror): void {
  const schema = { ...described('audit', 'Who did what, when and why, newest first.'), querystring: Query };
  api.get('/audit', { schema }, ({ query }): Promise<AuditPage> => {
    const { limit = '100', before } = query;
    return audit.page(Number(limit), before === undefined ? undefined : Number(before));
  });
}
