import { describe, expect, it } from '@jest/globals';
import { firstUnmet, selects } from '../../../src/contract/kubernetes.ts';

const LABELS = { app: 'x', tier: 'front' };

describe('a label selector', () => {
  it.each([
    [undefined, undefined],
    [{}, undefined],
    [{ matchLabels: { app: 'x' } }, undefined],
    [{ matchLabels: { app: 'y' } }, 'app=y'],
    [{ matchLabels: { constructor: 'x' } }, 'constructor=x'],
    [{ matchExpressions: [{ key: 'app', operator: 'Exists' }] }, undefined],
    [{ matchExpressions: [{ key: 'toString', operator: 'Exists' }] }, 'toString Exists'],
    [{ matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, 'app DoesNotExist'],
    [{ matchExpressions: [{ key: 'none', operator: 'DoesNotExist' }] }, undefined],
    [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['x', 'y'] }] }, undefined],
    [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['y'] }] }, 'app In (y)'],
    [{ matchExpressions: [{ key: 'none', operator: 'NotIn', values: ['y'] }] }, undefined],
    [{ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['x'] }] }, 'app NotIn (x)'],
    [{ matchExpressions: [{ key: 'app', operator: 'Near' }] }, 'app Near'],
    ['junk', 'the selector is malformed'],
  ])('%j: the unmet requirement is %s', (selector, unmet) => {
    expect(firstUnmet(selector, LABELS)).toBe(unmet);
    expect(selects(selector, LABELS)).toBe(unmet === undefined);
  });
});
