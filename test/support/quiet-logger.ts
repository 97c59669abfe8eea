/** A logger for what nobody wants to read. */
export { silentLogger as quietLogger } from '../../src/lib/log.ts';
