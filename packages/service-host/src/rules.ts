/** What pure rules need: how to say no. Knows nothing of gRPC or SQL. */
export {
  checkVersion,
  DomainError,
  invalid,
  missing,
  refused,
  type Refusal,
  type Violation,
} from './domain-error.js';
export { isId, Validation } from './validation.js';
