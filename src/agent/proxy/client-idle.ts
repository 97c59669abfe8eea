import { seconds } from '../../lib/clock.ts';

/** Longer than the idle time of the gateways in front, which reuse connections without asking. */
export const CLIENT_IDLE = seconds(120);
