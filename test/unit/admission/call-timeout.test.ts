import { describe, expect, it } from '@jest/globals';
import { handlerDeadline } from '../../../src/admission/call-timeout.ts';

describe('the deadline of a handler, in ms', () => {
  it.each([
    ['/x?timeout=10s', 9500],
    ['/x?timeout=1s', 900],
    ['/x?timeout=1m0s', 29_500],
    ['/x?timeout=1m0.5s&other=1', 29_500],
    ['/x?timeout=500ms', 450],
    ['/x?timeout=1000h', 29_500],
    ['/x', 9500],
    ['/x?timeout=', 9500],
    ['/x?timeout=0s', 9500],
    ['/x?timeout=-1s', 9500],
    ['/x?timeout=10', 9500],
    ['/x?timeout=tens', 9500],
    ['/x?timeout=%', 9500],
  ])('%s: %i', (url, deadline) => {
    expect(handlerDeadline(url)).toBe(deadline);
  });
});
