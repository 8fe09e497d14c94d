import { existsSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import { collectReports } from '@banyan/control';
import { BanyanError, isBanyanError } from '@banyan/runtime';
import { Option, type Command } from 'commander';
import { reach } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { edgesOfProtos, edgesOfReports, type FoundEdge } from '../init/find-edges.js';
import {
  carryOutInit,
  INIT_ROLES,
  isDone,
  planInit,
  type InitPlan,
  type InitRole,
  type InitWish,
} from '../init/init-plan.js';
import { checkedDatabaseUrl } from '../parked-keys.js';
import { isWanted, type Surroundings } from './command-options.js';

const EXAMPLES = `
Adds Banyan to a service of your own: the schema banyan in its database, a file for banyan-relay, and a playbook with the edges
that running processes report, or else that the protos in the folder allow. No file is ever overwritten, and running it again
only adds what is missing.

Examples:
  banyan init                                                            says what it would do, asks at a terminal
  banyan init services/billing --database-url postgres://localhost/billing --yes
  banyan init --role subscriber --database-url postgres://localhost/tasks --yes

Exit codes: 0 all is there; 1 failed; 2 not told to do it.`;

interface InitOptions {
  service?: string;
  role: InitRole | 'both';
  databaseUrl?: string;
  nats?: string;
  yes?: boolean;
  json?: boolean;
}

/** `banyan init [folder]`: schema, relay file and playbook for a service that has none of them yet. */
export function addInit(program: Command, surroundings: Surroundings): void {
  program
    .command('init')
    .description('add Banyan to a service of your own: schema, relay file, playbook')
    .argument('[folder]', "the service's folder; default: this one")
    .option('--service <name>', "the service's name, as a source and in edges; default: the folder's")
    .addOption(
      new Option('--role <role>', 'what its database is to be')
        .choices([...INIT_ROLES, 'both'])
        .default('both'),
    )
    .option('--database-url <url>', 'the database to migrate; else DATABASE_URL; none is touched without')
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--yes', 'do it; without it the command says what it would do')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', EXAMPLES)
    .action(async (folder: string | undefined, options: InitOptions) => {
      await init(await wishOf(folder, options, surroundings), options, surroundings);
    });
}

async function init(wish: InitWish, options: InitOptions, surroundings: Surroundings): Promise<void> {
  const plan = await planInit(wish);
  const { terminal, ended } = surroundings;
  const isJson = options.json === true;
  if (!isJson) for (const line of planLines(plan, wish)) terminal.out(line);
  const done = isDone(plan) || (await isWanted(options, terminal));
  if (done) await carryOutInit(plan, wish);
  if (isJson) terminal.out(JSON.stringify(jsonOf(plan, wish, done)));
  else
    for (const line of done ? nextSteps(plan, wish) : ['Nothing was changed. Add --yes to do it.'])
      terminal.out(line);
  ended(done ? EXIT.done : EXIT.notYet);
}

async function wishOf(
  given: string | undefined,
  options: InitOptions,
  { env, folder: here }: Surroundings,
): Promise<InitWish> {
  const folder = resolve(here, given ?? '.');
  if (!existsSync(folder))
    throw new BanyanError('BANYAN_OPTION_INVALID', `there is no folder ${folder}`, {
      remedy: "Name the service's folder: banyan init services/billing.",
    });
  const service = checkedService(options.service ?? basename(folder).toLowerCase());
  const databaseUrl = options.databaseUrl ?? env['DATABASE_URL'];
  const nats = natsOf(options.nats, { env, folder: here });
  const reported = nats === undefined ? [] : await reportedEdges(nats, options.nats !== undefined);
  return {
    folder,
    service,
    roles: options.role === 'both' ? INIT_ROLES : [options.role],
    databaseUrl: databaseUrl === undefined ? undefined : checkedDatabaseUrl(databaseUrl),
    nats,
    ...(reported.length > 0
      ? { edges: reported, origin: 'reports' }
      : { edges: edgesOfProtos(folder, service), origin: 'protos' }),
  };
}

function checkedService(name: string): string {
  if (/^[a-z][a-z0-9-]{0,62}$/.test(name)) return name;
  throw new BanyanError('BANYAN_OPTION_INVALID', `${JSON.stringify(name)} is no name of a service`, {
    remedy: 'Give --service <name>: lower-case letters, digits and -, beginning with a letter.',
  });
}

function natsOf(
  given: string | undefined,
  where: { env: NodeJS.ProcessEnv; folder: string },
): string | undefined {
  try {
    return findNats({ given, ...where });
  } catch (error) {
    if (isBanyanError(error, 'BANYAN_CONTROL_UNREACHABLE')) return undefined;
    throw error;
  }
}

/** A broker that was named has to answer; one that was only found may be away. */
async function reportedEdges(nats: string, isNamed: boolean): Promise<FoundEdge[]> {
  try {
    const connection = await reach(nats);
    try {
      return edgesOfReports(await collectReports(connection, { brief: true }));
    } finally {
      await connection.close();
    }
  } catch (error) {
    if (isNamed || !isBanyanError(error, 'BANYAN_CONTROL_UNREACHABLE')) throw error;
    return [];
  }
}

function planLines({ files, migrations }: InitPlan, wish: InitWish): string[] {
  const { folder, service, databaseUrl } = wish;
  return [
    `${service} in ${folder}`,
    ...migrations.map(({ role, pending }) =>
      pending.length === 0
        ? `  schema banyan as ${role}: up to date`
        : `  schema banyan as ${role}: apply ${pending.length} migrations, the last ${pending.at(-1) ?? ''}`,
    ),
    ...(databaseUrl === undefined ? ['  schema banyan: not touched: give --database-url'] : []),
    ...files.map(
      ({ path, isThere }) => `  ${relative(folder, path)}: ${isThere ? 'there, stays as it is' : 'write'}`,
    ),
    edgesLine(wish),
  ];
}

function edgesLine({ edges, origin }: InitWish): string {
  if (edges.length === 0)
    return '  no playbook: no process reports an edge, and no proto in the folder has a method of another service';
  if (origin === 'reports') return `  ${edges.length} edges that running processes report`;
  return `  ${edges.length} calls that the protos in the folder allow: delete from the playbook those that nobody makes`;
}

function nextSteps({ files }: InitPlan, { folder, service, roles, edges }: InitWish): string[] {
  const relay = files.find(({ path }) => path.endsWith('banyan-relay.yaml'));
  const steps = [
    ...(relay === undefined
      ? []
      : [
          'publish: emit events in the transactions that change data (`emit` of @banyan/outbox, or banyan.emit in SQL)',
          'relay:   banyan-relay --config banyan-relay.yaml',
        ]),
    ...(roles.includes('subscriber')
      ? ['follow:  keep a replica of what you call for (docs/subscribe.md)']
      : []),
    ...(edges.length === 0
      ? []
      : [`plan:    edit playbooks/${service}.yaml, then: banyan plan playbooks/${service}.yaml`]),
    'check:   banyan doctor',
  ];
  return ['', `Next, in ${folder}:`, ...steps.map((step, index) => `  ${index + 1}. ${step}`)];
}

function jsonOf(
  { files, migrations }: InitPlan,
  { service, folder, edges, origin }: InitWish,
  done: boolean,
): object {
  return {
    ok: true,
    done,
    service,
    folder,
    migrations,
    files: files.map(({ path, isThere }) => ({ path, isThere })),
    edges,
    origin,
  };
}
