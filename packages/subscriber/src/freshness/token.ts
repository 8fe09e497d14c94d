import { PARTITIONS, parsePosition } from '@banyan/contracts';
import { BanyanError, readToken } from '@banyan/runtime';

/**
 * What a caller has already seen: `projects/project/p1@7`, version 7 of an aggregate; or `projects:1.42/5`, position 1.42 in
 * partition 5.
 */
export type Token =
  | { readonly of: 'version'; source: string; aggregate: string; id: string; version: number }
  | { readonly of: 'position'; source: string; epoch: number; n: number; partition: number };

const POSITION = /^([a-z][a-z0-9_-]*):(\d+\.\d+)\/(\d{1,2})$/;

/** @throws BanyanError BANYAN_TOKEN_INVALID */
export function parseToken(written: string): Token {
  const seen = readToken(written);
  if (seen !== undefined) {
    const { source, aggregate, id, version } = seen;
    return { of: 'version', source, aggregate, id, version };
  }
  const [, source = '', position = '', partition = ''] = POSITION.exec(written) ?? [];
  if (source === '' || Number(partition) >= PARTITIONS)
    throw new BanyanError('BANYAN_TOKEN_INVALID', `${JSON.stringify(written.slice(0, 200))} is no token`);
  return { of: 'position', source, ...parsePosition(position), partition: Number(partition) };
}
