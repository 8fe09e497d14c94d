import { Client, credentials, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { EdgeProcess, reactions, trigger, type ReactionOrigin, type Reactions } from '@banyan/edge';
import { wait } from '@banyan/runtime';
import { Pool, type PoolClient } from 'pg';
import { reactMethod, touchedEvent, type ReactionChildConfig, type Touched } from './stage.js';

const WORKERS = 16;

/** Touches projects as fast as it can, until it is told to stop or killed. */
async function run(config: ReactionChildConfig): Promise<void> {
  const { databaseUrl, natsUrl, stateDir, edge, source } = config;
  const process_ = new EdgeProcess({ service: 'caller', natsUrl, stateDir, databaseUrl, readyTimeoutMs: 0 });
  const event = touchedEvent(source);
  const client = new Client(config.grpc, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
  });
  const reacting = process_.reaction({
    edge,
    triggers: [trigger(event, (data) => data)],
    call: (request, origin) => persistently(client, request, origin),
    timeoutMs: 60_000,
  });
  await process_.start();
  const pool = new Pool({ connectionString: databaseUrl, max: WORKERS });
  pool.on('error', () => undefined);
  let stopped = false;
  process.on('message', () => (stopped = true));
  process.send?.('ready');
  const work = Array.from({ length: WORKERS }, async () => {
    while (!stopped) {
      const id = `p${Math.floor(Math.random() * config.keys)}`;
      const stage = reacting.stage.running.stage;
      await touch(reactions(reacting), pool, { id, stage, event }).catch(() => wait(20));
    }
  });
  await Promise.all(work);
  process.exit(0);
}

interface Touch {
  id: string;
  stage: string;
  event: ReturnType<typeof touchedEvent>;
}

function touch(reacting: Reactions, pool: Pool, { id, stage, event }: Touch): Promise<void> {
  return reacting.transaction(
    (work: (tx: PoolClient) => Promise<void>) => inTransaction(pool, work),
    async (tx, emit) => {
      const { rows } = await tx.query<{ version: string }>(
        `insert into project (id, version) values ($1, 1)
         on conflict (id) do update set version = project.version + 1 returning version`,
        [id],
      );
      const eventId = await emit(event, { id, version: Number(rows[0]?.version) });
      await tx.query('insert into work (event_id, stage) values ($1, $2)', [eventId, stage]);
    },
  );
}

async function inTransaction(pool: Pool, work: (tx: PoolClient) => Promise<void>): Promise<void> {
  const tx = await pool.connect();
  try {
    await tx.query('begin');
    await work(tx);
    await tx.query('commit');
  } catch (error) {
    await tx.query('rollback');
    throw error;
  } finally {
    tx.release();
  }
}

/** At `call` nobody else brings the effect, so it is tried until it is there: always with the same event id. */
async function persistently(client: Client, request: Touched, origin: ReactionOrigin): Promise<unknown> {
  const alone = origin.metadata.get('banyan-stage')[0] === 'call';
  for (;;) {
    try {
      return await once(client, request, origin.metadata);
    } catch (error) {
      if (!alone || Date.now() > origin.deadlineMs) throw error;
      await wait(20);
    }
  }
}

function once(client: Client, request: Touched, metadata: Metadata): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = reactMethod;
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 3_000 };
    const end = (error: ServiceError | null, answer?: Touched): void => {
      if (error === null) resolve(answer);
      else reject(error);
    };
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata.clone(),
      options,
      end,
    );
  });
}

await run(JSON.parse(process.argv[2] ?? '{}') as ReactionChildConfig);
