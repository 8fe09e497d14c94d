import { parseEdge } from '@banyan/control';
import { stringify } from 'yaml';
import type { PlaybookStep } from '../plan/playbook-schema.js';
import type { FoundEdge } from './find-edges.js';

const PLAYBOOK_HEADER = `# yaml-language-server: $schema=./playbook.schema.json
#
# A beginning: delete the edges that nobody calls, name the replicas as your subscribers do, then \`banyan plan\` checks it.
`;

/** A playbook with each edge's whole way up, which `banyan plan` finds sound. */
export function playbookSkeleton(name: string, edges: readonly FoundEdge[]): string {
  const replicas = Object.fromEntries(
    edges.flatMap((edge) => (edge.kind === 'query' ? [[replicaOf(edge), {}]] : [])),
  );
  const playbook = {
    version: 1,
    name,
    defaults: { soak: '1h', gate: { maxDisagreement: 0.001, confidence: 0.95 } },
    replicas,
    edges: Object.fromEntries(edges.map((edge) => [edge.name, settingsOf(edge)])),
    steps: [...Object.keys(replicas).map((replica) => ({ backfill: replica })), ...edges.flatMap(stepsOf)],
  };
  return PLAYBOOK_HEADER + stringify(playbook, { lineWidth: 120 });
}

function settingsOf(edge: FoundEdge): object {
  if (edge.kind === 'reaction') return { kind: 'reaction', target: 'event' };
  const ladder = ['call', 'shadow', 'prefer-replica', 'replica'];
  return { kind: 'query', replica: replicaOf(edge), ladder, target: 'replica' };
}

function stepsOf(edge: FoundEdge): PlaybookStep[] {
  const { name } = edge;
  if (edge.kind === 'reaction')
    return [{ receive: name }, { advance: name, to: 'dual' }, { advance: name, to: 'event' }];
  return [
    { advance: name, to: 'shadow', after: [`backfill ${replicaOf(edge)}`] },
    { advance: name, to: 'prefer-replica' },
    { rehearse: name, for: '30s' },
    { advance: name, to: 'replica' },
  ];
}

function replicaOf({ name }: FoundEdge): string {
  const { caller, provider } = parseEdge(name);
  return `${caller}-${provider}-replica/${provider.replaceAll('-', '_')}_replica`;
}

export interface RelayAddresses {
  source: string;
  nats: string | undefined;
  databaseUrl: string | undefined;
}

/** A file for `banyan-relay --config`. Passwords are left out of it. */
export function relayConfig({ source, nats, databaseUrl }: RelayAddresses): string {
  const database = databaseUrl ?? `postgres://relay@127.0.0.1:5432/${source}`;
  return `# What banyan-relay runs with: banyan-relay --config banyan-relay.yaml
# Flags and the environment win over this file; docs/options.md lists every option.
# Passwords do not belong here: PostgreSQL's comes from PGPASSWORD or ~/.pgpass, that of NATS from NATS_URL.
${stringify({
  nats: withoutPassword(nats ?? 'nats://127.0.0.1:4222'),
  http: '127.0.0.1:9464',
  sources: { [source]: { databaseUrl: withoutPassword(database) } },
})}`;
}

function withoutPassword(address: string): string {
  return address
    .split(',')
    .map((one) => one.replace(/\/\/([^:@/]*):[^@/]*@/, '//$1@'))
    .join(',');
}
