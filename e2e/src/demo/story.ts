import { wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/transport-node';
import type { MigratedSystem } from '../system.js';
import type { Traffic } from '../traffic/traffic.js';
import { figuresOf, readEvidence } from './evidence.js';
import type { Operator } from './operator.js';
import type { Teller } from './teller.js';

export const EDGE = 'tasks -> projects.GetProject';

export interface StoryParts {
  system: MigratedSystem;
  nats: NatsConnection;
  traffic: Traffic;
  operator: Operator;
  teller: Teller;
  /** How long each stage is shown, in ms. */
  shownMs: number;
}

/** How long a gate may take to pass, in ms. */
const GATE_MS = 45_000;
/** How often figures are told, in ms. */
const TOLD_MS = 2500;

/** Moves the edge up its ladder under load, with the relay killed on the way, and one stage back at the end. */
export class Story {
  readonly #parts: StoryParts;
  relayKills = 0;

  constructor(parts: StoryParts) {
    this.#parts = parts;
  }

  async tell(): Promise<void> {
    const { teller, operator } = this.#parts;
    teller.chapter('call', 'every task that is created asks projects, synchronously');
    await this.#watch();
    teller.chapter(
      'cache',
      'answers are kept in memory for a moment, and dropped when an event says that they changed',
    );
    await operator.advance(EDGE, GATE_MS);
    await this.#watch();
    teller.chapter('shadow', 'projects still answers; the replica in tasks is asked too, and compared');
    await operator.advance(EDGE, GATE_MS);
    await this.#watch();
    teller.chapter(
      'prefer-replica',
      'the replica answers while it is fresh, else projects; a sample is compared',
    );
    await operator.advance(EDGE, GATE_MS);
    await this.#killRelay();
    await this.#watch();
    teller.chapter('replica', 'projects is no longer asked at all');
    await operator.advance(EDGE, GATE_MS);
    await this.#watch();
    teller.chapter('back', 'one command takes the edge back a stage');
    await operator.back(EDGE);
    await wait(1000);
  }

  async #watch(): Promise<void> {
    const { shownMs } = this.#parts;
    for (let ms = 0; ms < shownMs; ms += TOLD_MS) {
      await wait(Math.min(TOLD_MS, shownMs));
      await this.#tellFigures();
    }
  }

  async #tellFigures(): Promise<void> {
    const { nats, teller, traffic } = this.#parts;
    const latest = (await readEvidence(nats, EDGE)).at(-1);
    if (latest === undefined) return;
    const { calls, byReplica, p50Ms, p99Ms, equal, late, wrong } = figuresOf(latest);
    const compared =
      equal + late + wrong === 0 ? '' : `; compared: ${equal} equal, ${late} late, ${wrong} wrong`;
    teller.say(
      `${calls} calls (${byReplica} by the replica), p50 ${p50Ms} ms, p99 ${p99Ms} ms${compared}; ` +
        `traffic: ${traffic.counts.ok} ok, ${traffic.counts.refused} refused, ${traffic.counts.failed} failed`,
    );
  }

  /** SIGKILL under load: the supervisor starts a new relay, which reads the stream back and goes on. */
  async #killRelay(): Promise<void> {
    const { system, teller } = this.#parts;
    await wait(1000);
    const pid = system.supervisor.pid('relay');
    const restarted = new Promise<number>((resolve) => {
      const listen = ({ name, pid: next }: { name: string; pid: number }): void => {
        if (name !== 'relay') return;
        system.supervisor.off('restarted', listen);
        resolve(next);
      };
      system.supervisor.on('restarted', listen);
    });
    system.supervisor.kill('relay', 'SIGKILL');
    this.relayKills += 1;
    teller.say(`relay ${pid} killed with SIGKILL`);
    teller.say(`relay runs again as ${await restarted}`);
  }
}
