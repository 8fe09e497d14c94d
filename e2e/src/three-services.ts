import { join } from 'node:path';
import {
  freePort,
  startNats,
  Supervisor,
  temporaryFolder,
  testDatabase,
  type NatsServer,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { PROGRAMS } from './root.js';
import { SERVICES, type ServiceName } from './system.js';
import type { ServiceAddresses } from './traffic/clients.js';

/** The three services as processes, on a NATS server of their own and databases of the tests' one; without a relay. */
export class ThreeServices {
  readonly supervisor: Supervisor;
  readonly addresses: ServiceAddresses;
  readonly #folder: TemporaryFolder;
  readonly #nats: NatsServer;
  readonly #databases = new Map<ServiceName, TestDatabase>();

  private constructor(folder: TemporaryFolder, nats: NatsServer, addresses: ServiceAddresses) {
    this.#folder = folder;
    this.#nats = nats;
    this.addresses = addresses;
    this.supervisor = new Supervisor({ dir: join(folder.path, 'logs') });
  }

  static async start(): Promise<ThreeServices> {
    const folder = await temporaryFolder();
    const nats = await startNats({ dir: join(folder.path, 'nats'), own: true });
    const [teams, projects, tasks] = [await address(), await address(), await address()];
    const services = new ThreeServices(folder, nats, { teams, projects, tasks });
    await Promise.all(SERVICES.map((service) => services.startService(service)));
    return services;
  }

  get natsUrl(): string {
    return this.#nats.url;
  }

  /** Starts a service, anew if it was stopped. */
  async startService(service: ServiceName): Promise<void> {
    const database = this.#databases.get(service) ?? (await testDatabase());
    this.#databases.set(service, database);
    const { teams, projects, tasks } = this.addresses;
    await this.supervisor.supervise({
      name: service,
      command: process.execPath,
      args: [PROGRAMS[service]],
      env: {
        DATABASE_URL: database.url,
        GRPC_ADDRESS: this.addresses[service],
        ...{ TEAMS_ADDRESS: teams, PROJECTS_ADDRESS: projects, TASKS_ADDRESS: tasks },
        NATS_URL: this.natsUrl,
        BANYAN_STATE_DIR: join(this.#folder.path, 'state', service),
      },
      ready: { by: 'line' },
    });
  }

  async stop(): Promise<void> {
    await this.supervisor.stopAll();
    await this.#nats.stop();
    await Promise.all([...this.#databases.values()].map((database) => database.drop()));
    await this.#folder.remove();
  }
}

async function address(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}
