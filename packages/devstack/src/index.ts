export { startStack, type Stack, type StartStackOptions } from './stack.js';
export { startPostgres, type PostgresServer, type StartPostgresOptions } from './postgres/server.js';
export { startNats, type NatsServer, type StartNatsOptions } from './nats/server.js';
export type { NatsOrigin } from './nats/finder.js';
export { RestartableProcess } from './process/restartable.js';
export type { Exit } from './process/child.js';
export { freePort } from './process/port.js';
