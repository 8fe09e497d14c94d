import { BanyanError } from '@banyan/runtime';

/** One caller service → one method of one provider service. */
export interface EdgeName {
  readonly caller: string;
  readonly provider: string;
  readonly method: string;
  /** How it is written everywhere: `tasks -> projects.GetProject`. */
  readonly text: string;
  /** Its key in the stage bucket: `tasks.projects.GetProject`. */
  readonly key: string;
}

const SERVICE = '[a-z][a-z0-9_-]*';
const SHAPE = new RegExp(`^(${SERVICE})(?:\\s*(?:->|→|:)\\s*|\\s+)(${SERVICE})\\.([A-Za-z][A-Za-z0-9_]*)$`);

/**
 * Reads an edge's name. `tasks -> projects.GetProject` is how it is written; no or other spaces, `→`, and `:` in place
 * of the arrow (a shell takes an unquoted `>` for a redirection) are understood as well.
 *
 * @throws BANYAN_EDGE_INVALID for anything else
 */
export function parseEdge(written: string): EdgeName {
  const match = SHAPE.exec(written.trim());
  const [, caller, provider, method] = match ?? [];
  if (caller === undefined || provider === undefined || method === undefined) {
    throw new BanyanError('BANYAN_EDGE_INVALID', `${JSON.stringify(written)} is no edge`);
  }
  return {
    caller,
    provider,
    method,
    text: `${caller} -> ${provider}.${method}`,
    key: `${caller}.${provider}.${method}`,
  };
}
