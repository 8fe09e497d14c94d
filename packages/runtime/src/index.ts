export { BanyanError, ERROR_CODES, isBanyanError, messageOf, type ErrorCode } from './errors.js';
export {
  flag,
  oneOf,
  resolveOptions,
  text,
  wholeNumber,
  type OptionRule,
  type OptionRules,
} from './options.js';
export { nearestName } from './nearest.js';
export { Loop, type LoopOptions, type Round } from './loop.js';
export { backoffDelayMs, type Backoff } from './backoff.js';
export { systemClock, wait, type Clock } from './clock.js';
export { unlessStalled } from './stall.js';
export { afterCommit, committing, unlessUndone } from './after-commit.js';
export { Wakeup } from './wakeup.js';
export { silentLogger, type LogFields, type Logger } from './telemetry.js';
export type { Queryable } from './database.js';
export { laterToken, readToken, writeToken, type SeenToken } from './tokens/token.js';
export { TOKEN_HEADER, TokenSet, type TimedToken } from './tokens/token-set.js';
export { currentTokens, seenOnCommit, TokenScope } from './tokens/token-scope.js';
