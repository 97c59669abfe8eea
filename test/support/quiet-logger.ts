/** A logger that discards its lines. */
export { silentLogger as quietLogger } from '../../src/lib/log.ts';
