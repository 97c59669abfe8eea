import type { Logger } from '../../src/core/log.ts';

/** A logger for what nobody wants to read. */
export const quietLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quietLogger,
};
