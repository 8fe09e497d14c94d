import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { freePort, startStack, Supervisor, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { DASHBOARD, PLAYBOOK, PROGRAMS } from './root.js';
import type { ServiceAddresses } from './traffic/clients.js';

export const SERVICES = ['teams', 'projects', 'tasks'] as const;
export type ServiceName = (typeof SERVICES)[number];

export interface SystemOptions {
  /** Folder for all files; kept. Default '': a temporary one that goes when the system stops. */
  dir?: string;
  /** File of the playbook that operators see, and by which gates judge for them; default: that of the three services. */
  playbook?: string;
  /** Told in a line what was started. */
  log: (line: string) => void;
}

/** What `.banyan/dev.json` says of a running system. */
export interface SystemDescription {
  postgres: Record<ServiceName, string>;
  nats: string;
  grpc: ServiceAddresses;
  /** The gateway's URL. */
  gateway: string;
  /** The operators' page, with their token. */
  dashboard: string;
  natsStore: string | undefined;
  processes: Record<string, number>;
}

/**
 * The system that is being migrated, each part a process of its own: PostgreSQL, NATS, the three services, one relay for
 * them all, and the gateway. A part that dies is started again on the same port.
 */
export class MigratedSystem {
  readonly stack: Stack;
  readonly supervisor: Supervisor;
  readonly addresses: ServiceAddresses;
  /** What operators show to the gateway. */
  readonly operatorToken = randomBytes(24).toString('base64url');
  readonly #gatewayAddress: string;
  readonly #playbook: string;

  private constructor(
    parts: Pick<MigratedSystem, 'stack' | 'supervisor' | 'addresses'>,
    { gatewayAddress, playbook }: { gatewayAddress: string; playbook: string },
  ) {
    this.stack = parts.stack;
    this.supervisor = parts.supervisor;
    this.addresses = parts.addresses;
    this.#gatewayAddress = gatewayAddress;
    this.#playbook = playbook;
  }

  /** Starts everything. What had been started is stopped again if a part does not come up. */
  static async start(options: SystemOptions): Promise<MigratedSystem> {
    const { dir = '', playbook = PLAYBOOK, log } = options;
    const stack = await startStack({ dir, databases: SERVICES, log });
    const supervisor = new Supervisor({ dir: join(stack.dir, 'logs') });
    const [teams, projects, tasks] = [await address(), await address(), await address()];
    const addresses = { teams, projects, tasks };
    const gatewayAddress = await address();
    const system = new MigratedSystem({ stack, supervisor, addresses }, { gatewayAddress, playbook });
    try {
      await system.#startParts(log);
      return system;
    } catch (error) {
      await system.stop();
      throw error;
    }
  }

  databaseUrl(service: ServiceName): string {
    return this.stack.postgres.url(service);
  }

  get natsUrl(): string {
    return this.stack.urls.nats;
  }

  /** Where browsers go. */
  get gatewayUrl(): string {
    return `http://${this.#gatewayAddress}`;
  }

  /** The operators' page, let in. What follows # stays in the browser. */
  get dashboardUrl(): string {
    return `${this.gatewayUrl}/#token=${this.operatorToken}`;
  }

  get description(): SystemDescription {
    const [teams, projects, tasks] = SERVICES.map((service) => this.databaseUrl(service));
    return {
      postgres: { teams: teams ?? '', projects: projects ?? '', tasks: tasks ?? '' },
      nats: this.natsUrl,
      grpc: this.addresses,
      gateway: this.gatewayUrl,
      dashboard: this.dashboardUrl,
      natsStore: this.stack.nats.storeDir,
      processes: this.supervisor.pids(),
    };
  }

  /** Takes a service away until it is started again. */
  stopService(service: ServiceName): Promise<void> {
    return this.supervisor.stop(service);
  }

  /** Stops everything in order: callers before providers, servers last. Stopping twice is legal. */
  async stop(): Promise<void> {
    await this.supervisor.stopAll();
    await this.stack.stop();
  }

  async #startParts(log: (line: string) => void): Promise<void> {
    const { postgres, nats } = this.stack;
    this.supervisor.adopt('postgres', postgres);
    if (nats.process !== undefined) this.supervisor.adopt('nats', nats.process);
    await Promise.all(SERVICES.map((service) => this.#migrate(service)));
    await Promise.all([this.#startRelay(), ...SERVICES.map((service) => this.startService(service))]);
    await this.startGateway();
    for (const service of SERVICES) log(`${service} at ${this.addresses[service]}`);
    log(`gateway at ${this.gatewayUrl}, the board at ${this.gatewayUrl}/board/`);
    log(`dashboard at ${this.dashboardUrl}`);
  }

  /** Before anything starts, so that the relay finds every outbox there. */
  #migrate(service: ServiceName): Promise<void> {
    return migrate({ databaseUrl: this.databaseUrl(service), roles: ['outbox', 'subscriber', service] });
  }

  async #startRelay(): Promise<void> {
    await this.supervisor.supervise({
      name: 'relay',
      command: process.execPath,
      args: [PROGRAMS.relay],
      env: {
        NATS_URL: this.natsUrl,
        BANYAN_SOURCES: SERVICES.map((service) => `${service}=${this.databaseUrl(service)}`).join(' '),
      },
      ready: { by: 'line' },
    });
  }

  async startGateway(): Promise<void> {
    await this.supervisor.supervise({
      name: 'gateway',
      command: process.execPath,
      args: [PROGRAMS.gateway],
      env: {
        ...this.#providers(),
        HTTP_ADDRESS: this.#gatewayAddress,
        BANYAN_STATE_DIR: join(this.stack.dir, 'state', 'gateway'),
        DASHBOARD_DIR: DASHBOARD,
        PLAYBOOK: this.#playbook,
        OPERATOR_TOKEN: this.operatorToken,
        OPERATOR_DATABASES: JSON.stringify(this.description.postgres),
        // So that the board has something to show before anybody has made the flag.
        GATEWAY_LIVE: 'push',
      },
      ready: { by: 'line' },
    });
  }

  async startService(service: ServiceName): Promise<void> {
    await this.supervisor.supervise({
      name: service,
      command: process.execPath,
      args: [PROGRAMS[service]],
      env: {
        DATABASE_URL: this.databaseUrl(service),
        GRPC_ADDRESS: this.addresses[service],
        ...this.#providers(),
        BANYAN_STATE_DIR: join(this.stack.dir, 'state', service),
      },
      ready: { by: 'line' },
    });
  }

  /** Where everybody finds the services and the broker. */
  #providers(): Record<string, string> {
    const { teams, projects, tasks } = this.addresses;
    return {
      ...{ TEAMS_ADDRESS: teams, PROJECTS_ADDRESS: projects, TASKS_ADDRESS: tasks },
      NATS_URL: this.natsUrl,
    };
  }
}

async function address(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}
