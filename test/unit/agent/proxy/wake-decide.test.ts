import { describe, expect, it } from '@jest/globals';
import { onwardOf } from '../../../../src/agent/proxy/wake.decide.ts';

describe('how a request continues', () => {
  it.each([
    ['inference', 'loaded', 'enters'],
    ['inference', 'unknown', 'passes'],
    ['inference', 'asleep', 'waits'],
    ['inference', 'server-away', 'waits'],
    ['ready', 'loaded', 'passes'],
    ['ready', 'unknown', 'passes'],
    ['ready', 'asleep', 'answered'],
    ['ready', 'server-away', 'passes'],
    ['metadata', 'loaded', 'passes'],
    ['metadata', 'unknown', 'passes'],
    ['metadata', 'asleep', 'answered'],
    ['metadata', 'server-away', 'passes'],
  ] as const)('%s for a model that is %s: %s', (ask, kind, onward) => {
    expect(onwardOf(ask, { kind })).toBe(onward);
  });
});
