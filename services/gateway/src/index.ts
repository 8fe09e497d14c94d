export { gatewayApp, type GatewayParts } from './app.js';
export { startGateway, type Gateway } from './gateway.js';
export type { GatewayConfig, GatewayOptions } from './gateway-options.js';
export { ProblemError, type Problem } from './problem/problem.js';
export { ServiceClients } from './service-clients.js';
