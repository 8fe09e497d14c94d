export { serve, type ServiceHost } from './host.js';
export type { HostOptions } from './host-options.js';
export { unaryService, type UnaryHandlers, type UnaryService } from './unary-service.js';
export { CALLER_HEADER, detached, type CallContext, type CallOrigin } from './call-context.js';
export {
  clientFor,
  unary,
  type ClientClass,
  type ClientForOptions,
  type ClientWiring,
  type UnaryMethod,
} from './client.js';
export { afterCommit } from './after-commit.js';
export { domainRefusals } from './domain-refusals.js';
export { inTransaction, openPool, type TransactionTime } from './database.js';
export { newId } from './id.js';
export { cutPage, readPage, type Page, type PageKey } from './page.js';
export { detailsOf, type StatusDetails } from './status-details.js';
export { CallEnded, isServiceError, missingStatus } from './status.js';
export { fromEnvironment, processLogger, runProcess, type RunningService } from './process.js';
export type { Check } from './health.js';
