import { describe, expect, it } from '@jest/globals';
import { createServerProcess } from '../../../../src/agent/residency/server-process.ts';

const MIB = 1024 * 1024;
const EMPTY = 137 * MIB;
const LIBRARIES = 76 * MIB;

describe('the memory of a model server without models', () => {
  const afterFirst = (empty: number, declared: number, takes: number) => {
    const server = createServerProcess(undefined);
    server.measured(empty, 0, 0);
    server.measured(empty + LIBRARIES + takes, declared, declared);
    return server.known()?.base;
  };

  it('includes the libraries loaded with its first model', () => {
    expect(afterFirst(EMPTY, MIB, MIB)).toBe(EMPTY + LIBRARIES);
  });

  it.each([150, 600])('excludes a first model of %d MiB that declares a tenth', (takes) => {
    // The part of its limit that the default budget leaves to the server.
    expect(afterFirst(EMPTY, (takes / 10) * MIB, takes * MIB)).toBeLessThanOrEqual(256 * MIB);
  });

  it('is the measured value if that is larger', () => {
    expect(afterFirst(400 * MIB, 15 * MIB, 150 * MIB)).toBe(400 * MIB);
  });
});
