import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import {
  GetProjectResponse,
  ProjectsServiceClient,
  ProjectsServiceService,
  type GetProjectRequest,
} from '@banyan/contracts/projects';
import { StageWatch } from '@banyan/control';
import { startNats, temporaryFolder } from '@banyan/devstack';
import { queryEdge, type EdgeReplica, type QueryEdge } from '@banyan/edge';
import { wait } from '@banyan/runtime';
import { connect } from '@nats-io/transport-node';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

/** A round calls each kind in turn, so many times over, for so many ms; a call every so many ms. */
const SLICES = 5;
const SLICE_MS = 300;
const EVERY_MS = 3;
/** G9: unchanged within noise. Noise is what the stage `call` shows against itself, in the same rounds. */
const TARGET = 1.15;

type Replica = EdgeReplica<GetProjectRequest, GetProjectResponse>;

const ANSWER = GetProjectResponse.fromPartial({ project: { id: 'p1', version: 1, name: 'Fig' } });
const NEVER = new Promise<never>(() => undefined);

/** What the replica does while the provider answers; `call` and `again` do not ask it. */
const READS = {
  call: () => NEVER,
  again: () => NEVER,
  slow: () => wait(1_000).then(() => ANSWER),
  hanging: () => NEVER,
  throwing: () => Promise.reject(new Error('broken')),
} as const satisfies Record<string, Replica['read']>;

type Kind = keyof typeof READS;
const KINDS = Object.keys(READS) as Kind[];
const SHADOWED = ['slow', 'hanging', 'throwing'] as const;

/** G9: what shadowing costs the caller when the replica is slow, hangs or throws. */
export const shadowCase: BenchCase = {
  name: 'shadow',
  about:
    'p99 of a caller at `shadow` with a slow, a hanging and a throwing replica, worst of the three; reference: `call`',
  run: async (options) => {
    const bench = await ShadowBench.start();
    try {
      for (const kind of KINDS) await bench.slice(kind);
      return await measured(bench, options);
    } finally {
      await bench.stop();
    }
  },
};

interface Latency {
  p50: number;
  p99: number;
}

/** Medians over the rounds, and of the rounds' own ratios to `call`. */
interface Compared extends Latency {
  ratio50: number;
  ratio99: number;
}

async function measured(bench: ShadowBench, { rounds, say }: BenchOptions): Promise<BenchResult> {
  const seen: Record<Kind, Latency[]> = { call: [], again: [], slow: [], hanging: [], throwing: [] };
  for (let round = 1; round <= rounds; round += 1) {
    const times: Record<Kind, number[]> = { call: [], again: [], slow: [], hanging: [], throwing: [] };
    for (let slice = 0; slice < SLICES; slice += 1) {
      // Another one begins each time: none of them always follows the same.
      const order = KINDS.map((_, i) => KINDS[(i + slice) % KINDS.length] ?? 'call');
      for (const kind of order) times[kind].push(...(await bench.slice(kind)));
    }
    for (const kind of KINDS) seen[kind].push(latencyOf(times[kind]));
    say(`round ${round}: ${KINDS.map((kind) => `${kind} ${textOf(seen[kind].at(-1))}`).join(', ')}`);
  }
  const kinds = new Map(KINDS.map((kind) => [kind, against(seen[kind], seen.call)]));
  const ratiosOf = (kind: Kind): number[] => [
    kinds.get(kind)?.ratio50 ?? NaN,
    kinds.get(kind)?.ratio99 ?? NaN,
  ];
  const ratio = Math.max(...SHADOWED.flatMap(ratiosOf));
  const noise = Math.max(...ratiosOf('again').map((each) => Math.max(each, 1 / each)));
  const value = Math.max(...SHADOWED.map((kind) => kinds.get(kind)?.p99 ?? NaN));
  return {
    case: 'shadow',
    unit: 'ms (p99)',
    value: rounded(value),
    reference: rounded(median(seen.call.map(({ p99 }) => p99))),
    ratio: rounded(ratio),
    target: TARGET,
    met: ratio <= TARGET * noise,
    details: {
      ratioIs: 'the worst of p50 and p99 of the three',
      noise: rounded(noise),
      kinds: Object.fromEntries(kinds),
      comparisons: bench.counts(),
    },
  };
}

function against(seen: readonly Latency[], reference: readonly Latency[]): Compared {
  const ratio = (of: keyof Latency): number =>
    median(seen.map((each, i) => each[of] / (reference[i]?.[of] ?? NaN)));
  return {
    p50: rounded(median(seen.map(({ p50 }) => p50)), 3),
    p99: rounded(median(seen.map(({ p99 }) => p99)), 3),
    ratio50: rounded(ratio('p50')),
    ratio99: rounded(ratio('p99')),
  };
}

function latencyOf(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

const textOf = (latency: Latency | undefined): string =>
  latency === undefined ? '-' : `${rounded(latency.p50)}/${rounded(latency.p99)} ms`;

type Edge = QueryEdge<GetProjectRequest, GetProjectResponse>;

interface Side {
  client: ProjectsServiceClient;
  edge: Edge;
}

/** One provider, and a client with an edge for each kind. */
class ShadowBench {
  readonly #sides: Record<Kind, Side>;
  readonly #stops: (() => unknown)[];

  private constructor(sides: Record<Kind, Side>, stops: (() => unknown)[]) {
    this.#sides = sides;
    this.#stops = stops;
  }

  static async start(): Promise<ShadowBench> {
    const folder = await temporaryFolder();
    const nats = await startNats({ dir: folder.path });
    const connection = await connect({ servers: nats.url });
    const provider = await startProvider();
    const stages = new StageWatch({ connection, stateDir: folder.path });
    const sideOf = (kind: Kind): Side => newSide(kind, stages, provider.address);
    const sides = {
      call: sideOf('call'),
      again: sideOf('again'),
      slow: sideOf('slow'),
      hanging: sideOf('hanging'),
      throwing: sideOf('throwing'),
    };
    const closeSides = (): Promise<unknown> =>
      Promise.all(Object.values(sides).map(({ client, edge }) => (client.close(), edge.stop())));
    return new ShadowBench(sides, [
      closeSides,
      provider.stop,
      () => connection.close(),
      () => nats.stop(),
      () => folder.remove(),
    ]);
  }

  /** Calls at an even pace, whatever the answers take, so that what is slow shows in full. */
  async slice(kind: Kind): Promise<number[]> {
    const { client } = this.#sides[kind];
    const calls: Promise<number>[] = [];
    const startedMs = performance.now();
    while (performance.now() - startedMs < SLICE_MS) {
      calls.push(callTime(client));
      await wait(Math.max(0, startedMs + calls.length * EVERY_MS - performance.now()));
    }
    return Promise.all(calls);
  }

  counts(): Record<string, unknown> {
    return Object.fromEntries(
      KINDS.map((kind) => [kind, this.#sides[kind].edge.report(true).evidence[0]?.comparisons]),
    );
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) await stop();
  }
}

/** The edge stands at its floor, for nobody changes its stage. */
function newSide(kind: Kind, stages: StageWatch, address: string): Side {
  const edge = queryEdge({
    edge: `${kind} -> projects.GetProject`,
    method: ProjectsServiceService.getProject,
    replica: { read: READS[kind], freshness: () => ({ asOfMs: Date.now() }) },
    compare: { version: ({ project }) => project?.version },
    budget: { stalenessMs: 5_000 },
    supports: kind === 'call' || kind === 'again' ? ['call'] : ['shadow'],
    stages,
  });
  const client = new ProjectsServiceClient(address, credentials.createInsecure(), {
    interceptors: [edge.interceptor],
  });
  return { client, edge };
}

async function startProvider(): Promise<{ address: string; stop: () => void }> {
  const server = new Server();
  const { getProject } = ProjectsServiceService;
  const handler = (_call: unknown, answer: (error: null, value: GetProjectResponse) => void): void =>
    answer(null, ANSWER);
  server.addService({ getProject }, { getProject: handler });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

function callTime(client: ProjectsServiceClient): Promise<number> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    client.getProject({ id: 'p1' }, (error) =>
      error === null ? resolve(performance.now() - startedMs) : reject(error),
    );
  });
}
