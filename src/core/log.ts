import type { Held } from './held.ts';

/** The part of pino's logger that the rooms use; pino itself is chosen at the entry point. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}

/** A log whose lines wait for the logger that writes them; they have the time at which it comes. */
export function logTo(held: Held<Logger>): Logger {
  const loggerOf = (within: (to: Logger) => Logger): Logger => {
    const line =
      (level: 'debug' | 'info' | 'warn' | 'error') =>
      (fields: object, message: string): void =>
        held.pass((to) => within(to)[level](fields, message));
    return {
      ...{ debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
      child: (fields) => loggerOf((to) => within(to).child(fields)),
    };
  };
  return loggerOf((to) => to);
}

const nothing = (): void => undefined;

/** Where nobody reads a log: a command says on stderr itself what its user must know. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};
