/** Structured fields of a log line. Values must be JSON-able. */
export type LogFields = Record<string, unknown>;

/** What the packages log to. Any structured logger fits behind it; the default is silent. */
export interface Logger {
  debug: (message: string, fields?: LogFields) => void;
  info: (message: string, fields?: LogFields) => void;
  warn: (message: string, fields?: LogFields) => void;
  error: (message: string, fields?: LogFields) => void;
}

const nothing = (): void => undefined;

/** The default: says nothing. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
