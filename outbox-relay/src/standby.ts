import { BanyanError, messageOf } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { connectOnce } from './nats-connection.js';
import type { SourceRelayOptions } from './options.js';
import { Session } from './session.js';
import { checkShards, readSource } from './source-record.js';

/**
 * A relay that could lead: connected to the database and to NATS, and waiting for the leader's lock. Only who reaches both
 * asks for it, so a leader that was cut off from NATS does not take it again.
 */
export class Standby {
  readonly session: Session;
  readonly nats: NatsConnection;
  readonly #options: SourceRelayOptions;
  #mayEndLeaders = true;

  private constructor(session: Session, nats: NatsConnection, options: SourceRelayOptions) {
    this.session = session;
    this.nats = nats;
    this.#options = options;
  }

  static async open(options: SourceRelayOptions): Promise<Standby> {
    const name = `banyan-relay ${options.source}`;
    const session = await Session.open(options.databaseUrl, name, options);
    try {
      // Said at the start, not only when it has to take over.
      checkShards(options, (await readSource(session.client, options.source)).shards);
      return new Standby(session, await connectOnce(options.natsUrl, name), options);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Tries to become the leader. If another one has the lock and is silent, ends it: the next try will succeed. */
  async tryLead(): Promise<boolean> {
    this.#check();
    if (await this.session.tryLead()) return true;
    if (this.#mayEndLeaders) await this.#endSilentLeader();
    return false;
  }

  async close(): Promise<void> {
    await Promise.all([this.nats.close(), this.session.close()]);
  }

  async #endSilentLeader(): Promise<void> {
    const { source, logger, leaderSilenceMs } = this.#options;
    try {
      const ended = await this.session.endSilentLeader(leaderSilenceMs);
      if (ended !== undefined) logger.warn('ended the session of a silent leader', { source, ...ended });
    } catch (error) {
      this.session.check();
      this.#mayEndLeaders = false;
      const remedy = 'run all relays of a source with one database role';
      logger.warn('may not end silent leaders', { source, error: messageOf(error), remedy });
    }
  }

  #check(): void {
    this.session.check();
    if (this.nats.isClosed()) throw new BanyanError('BANYAN_PUBLISH_FAILED', 'NATS no longer answers');
  }
}
