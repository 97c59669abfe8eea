import type { Writable } from 'node:stream';
import { pino } from 'pino';
import type { Logger } from '../core/log.ts';

/** The agent's log: a line of JSON each. */
export function agentLog(destination: Writable): Logger {
  return pino({ base: { component: 'agent' }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
