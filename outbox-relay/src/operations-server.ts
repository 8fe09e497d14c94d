import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BanyanError } from '@banyan/runtime';
import type { FlowStatus } from './flow-monitor.js';
import type { SourceRelayStatus } from './source-relay.js';

export interface OperationsParts {
  /** host:port; port 0 takes a free one. */
  address: string;
  status: () => SourceRelayStatus[];
  flow: () => FlowStatus[];
  /** Answers `/metrics`. */
  metrics: (request: IncomingMessage, response: ServerResponse) => void;
}

/**
 * For those who watch the process:
 * - `/healthz`: 200 while the process runs; restart it if not.
 * - `/readyz`: 200 while events of all sources flow, by this relay or another one; else 503. The body says which do not.
 * - `/metrics`: Prometheus.
 */
export class OperationsServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(parts: OperationsParts): Promise<OperationsServer> {
    const [, host, port] = /^(.*):(\d+)$/.exec(parts.address) ?? [];
    if (host === undefined) {
      throw new BanyanError(
        'BANYAN_OPTION_INVALID',
        `http must be host:port, not ${JSON.stringify(parts.address)}`,
      );
    }
    const server = createServer((request, response) => answer(parts, request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(Number(port), host, resolve);
    });
    return new OperationsServer(server);
  }

  /** host:port as it listens. */
  get address(): string {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? `${address.address}:${address.port}` : '';
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function answer(parts: OperationsParts, request: IncomingMessage, response: ServerResponse): void {
  const path = request.url?.split('?')[0] ?? '';
  switch (path) {
    case '/healthz': {
      send(response, 200, { status: 'ok', sources: parts.status() });
      return;
    }
    case '/readyz': {
      const sources = parts.flow();
      const ready = sources.every(({ flowing }) => flowing);
      send(response, ready ? 200 : 503, { status: ready ? 'ok' : 'events do not flow', sources });
      return;
    }
    case '/metrics': {
      parts.metrics(request, response);
      return;
    }
    default: {
      send(response, 404, { status: 'there are /healthz, /readyz and /metrics' });
      return;
    }
  }
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
