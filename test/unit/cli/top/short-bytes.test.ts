import { describe, expect, it } from '@jest/globals';
import { bytes } from '../../../../src/lib/quantity.ts';
import { memoryBar, shortBytes } from '../../../../src/cli/top/short-bytes.decide.ts';

const MI = 1024 * 1024;

describe('formatting bytes', () => {
  it.each([
    [0, '0'],
    [1023, '1023'],
    [1024, '1Ki'],
    [1536, '1.5Ki'],
    [100 * MI, '100Mi'],
    [1023.6 * MI, '1Gi'],
    [1500 * 1000 * 1000, '1.4Gi'],
    [12.4 * 1024 * MI, '12Gi'],
  ])('%d is %s', (amount, text) => {
    expect(shortBytes(bytes(Math.round(amount)))).toBe(text);
  });
});

describe('the bar of memory', () => {
  it.each([
    [0, 1024, '[..........] 0/1Gi'],
    [1, 1024, '[#.........] 1Mi/1Gi'],
    [512, 1024, '[#####.....] 512Mi/1Gi'],
    [1023, 1024, '[#########.] 1023Mi/1Gi'],
    [1024, 1024, '[##########] 1Gi/1Gi'],
    [2048, 1024, '[##########] 2Gi/1Gi'],
    [0, 0, '[##########] 0/0'],
    [300, undefined, '300Mi (no limit)'],
  ])('%s of %s Mi', (used, limit, text) => {
    expect(memoryBar(bytes(used * MI), limit === undefined ? undefined : bytes(limit * MI))).toBe(text);
  });
});
