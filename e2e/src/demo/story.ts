import { applyPlan, type Applied, type Plan, type RunEvent } from '@banyan/playbook';
import { messageOf, wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/transport-node';
import type { MigratedSystem } from '../system.js';
import type { Traffic } from '../traffic/traffic.js';
import { callFigures, readEdges, type CallFigures } from './edge-figures.js';
import { Operator } from './operator.js';
import { FAULTY_EDGE, PlantedFault, type GuardFigures } from './planted-fault.js';
import type { Teller } from './teller.js';

export interface StoryParts {
  system: MigratedSystem;
  nats: NatsConnection;
  traffic: Traffic;
  teller: Teller;
  plan: Plan;
  /** How long the calls are watched before anything is moved, in ms. */
  shownMs: number;
}

/** How often figures are told, in ms. */
const TOLD_MS = 5000;
/** How long no step may be done before the demo gives up, in ms. */
const PATIENCE_MS = 90_000;
/** How often the walk is begun again, at most. */
const MAX_WALKS = 4;
/** After this step the relay is killed. */
const KILL_AFTER = 'advance tasks -> projects.GetProject to shadow';
/** After this step the replica that answers now is damaged. */
const DAMAGE_AFTER = `advance ${FAULTY_EDGE} to prefer-replica`;

/** Walks the playbook under load; on the way the relay is killed, and a replica damaged so that the guard has to act. */
export class Story {
  readonly #parts: StoryParts;
  readonly #fault: PlantedFault;
  #relayKills = 0;
  #rehearsals = 0;
  #toldFailures = 0;
  #isMended = false;
  #guard: Promise<GuardFigures> | undefined;
  #mishap: Promise<unknown> = Promise.resolve();

  constructor(parts: StoryParts) {
    this.#parts = parts;
    this.#fault = new PlantedFault(parts.system, parts.nats);
  }

  /** @throws Error if the playbook does not come to its end */
  async tell() {
    const { teller, plan } = this.#parts;
    teller.chapter('call', 'the ball of mud: each of the seven edges is a gRPC call');
    await this.#watch();
    const calls = await this.#callFigures();
    teller.chapter('apply', `${plan.steps.length} steps of ${plan.name}: each waits for its gate`);
    await this.#walk();
    await this.#mishap;
    teller.say('every step is done');
    return { calls, guard: await this.#guard, relayKills: this.#relayKills, rehearsals: this.#rehearsals };
  }

  /** To its end, as an operator would: on again after the guard has spoken, and after a rehearsal that did not go well. */
  async #walk(): Promise<void> {
    for (let walks = 1; ; walks++) {
      const applied = await this.#apply();
      if (applied.state === 'done') return;
      const { state, why } = applied;
      const isMinded = this.#guard !== undefined && !this.#isMended;
      const isRehearsal = why.startsWith('rehearse');
      if (walks > MAX_WALKS || (state !== 'stopped' && !isMinded && !isRehearsal))
        throw new Error(`the playbook is ${state}: ${why}`);
      if (isMinded && this.#guard !== undefined) await this.#tellGuard(why, await this.#guard);
      else this.#parts.teller.say(`the walk ended, and is begun again: ${why}`);
    }
  }

  async #apply(): Promise<Applied> {
    const { nats, plan } = this.#parts;
    const ticker = setInterval(() => this.#tellTraffic(), TOLD_MS);
    try {
      const onEvent = (event: RunEvent): void => this.#on(event);
      return await applyPlan({
        connection: nats,
        plan,
        by: 'demo',
        waitMs: PATIENCE_MS,
        maxErrors: 0.01,
        onEvent,
      });
    } finally {
      clearInterval(ticker);
    }
  }

  #on(event: RunEvent): void {
    const { teller } = this.#parts;
    if (event.kind === 'overtaken') teller.say(`${event.step} was overtaken: ${event.why}`);
    if (event.kind === 'away') teller.say(`the broker is away: ${event.why}`);
    if (event.kind === 'waiting') teller.say(`… ${event.step} waits: ${event.missing[0] ?? ''}`);
    if (event.kind === 'done') {
      teller.say(`✔ ${event.step}`);
      if (event.step.startsWith('rehearse')) this.#rehearsals += 1;
    }
    if (event.kind !== 'acted') return;
    if (event.step.startsWith('advance')) teller.say(`→ ${event.step.replace('advance ', '')}`);
    if (event.step === KILL_AFTER) this.#mishap = this.#killRelay();
    if (event.step !== DAMAGE_AFTER || this.#guard !== undefined) return;
    this.#guard = this.#damage();
    // Told again to whoever waits for it.
    this.#guard.catch((error: unknown) => teller.say(messageOf(error)));
  }

  async #damage(): Promise<GuardFigures> {
    // Some right answers first: it is a replica that was good and is so no more.
    await wait(2000);
    this.#parts.teller.say(`a fault is planted: the replica behind ${FAULTY_EDGE} is damaged`);
    return this.#fault.plant();
  }

  async #tellGuard(why: string, { rows, backMs, cause }: GuardFigures): Promise<void> {
    const { teller, system } = this.#parts;
    teller.chapter(
      'guard',
      `${rows} rows were wrong; ${backMs} ms later the edge was a stage back, in every process`,
    );
    teller.say(`its cause: ${cause}`);
    teller.say(`the walk stopped: ${why}`);
    await this.#fault.repair(new Operator(system.natsUrl, (line) => teller.say(line)));
    this.#isMended = true;
    teller.say(
      'projects has sent its rows again; what was compared before counts no more: the walk goes on at cache',
    );
  }

  async #watch(): Promise<void> {
    const { shownMs } = this.#parts;
    for (let ms = 0; ms < shownMs; ms += TOLD_MS) {
      await wait(Math.min(TOLD_MS, shownMs));
      this.#tellTraffic();
    }
  }

  #tellTraffic(): void {
    const { teller, traffic } = this.#parts;
    const { ok, refused, failed } = traffic.counts;
    teller.say(`traffic: ${ok} ok, ${refused} refused, ${failed} failed`);
    for (const failure of traffic.failures.slice(this.#toldFailures)) teller.say(`  ${failure}`);
    this.#toldFailures = traffic.failures.length;
  }

  /** What a call costs before anything is moved, by edge. */
  async #callFigures(): Promise<Map<string, CallFigures>> {
    const edges = await readEdges(this.#parts.nats);
    const figures = edges.flatMap((edge): [string, CallFigures][] => {
      const last = edge.kind === 'query' ? edge.evidence.at(-1) : undefined;
      return last === undefined ? [] : [[edge.edge, callFigures(last)]];
    });
    return new Map(figures);
  }

  /** SIGKILL under load: the supervisor starts a new relay, which reads the stream back and goes on. */
  async #killRelay(): Promise<void> {
    const { system, teller } = this.#parts;
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
    this.#relayKills += 1;
    teller.say(`relay ${pid} killed with SIGKILL`);
    teller.say(`relay runs again as ${await restarted}`);
  }
}
