import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect } from '@jest/globals';
import { report } from './report.ts';

interface Calls {
  readonly names: readonly string[];
  readonly callers: number;
  /** The pause between two requests of a caller. */
  readonly pauseMs: number;
  /** A client's answer for the name. It throws without an answer. */
  readonly ask: (name: string) => Promise<string>;
  /** The expected answer. */
  readonly expected: (name: string) => string | undefined;
}

/** Lets clients call the names in turn during the work. Each must always get the expected answer. */
export async function whileCalled<T>(what: string, calls: Calls, work: () => Promise<T>): Promise<T> {
  const { names, callers, pauseMs, ask, expected } = calls;
  const failed: string[] = [];
  let working = true;
  let asked = 0;
  const caller = async (index: number): Promise<void> => {
    for (let turn = index; working; turn += 1) {
      const name = names[turn % names.length] ?? '';
      const answer = await ask(name).catch((thrown: unknown) => `failed: ${inspect(thrown)}`);
      asked += 1;
      if (answer !== expected(name)) failed.push(`${name}: ${answer}`);
      await delay(pauseMs);
    }
  };
  const calling = Promise.all(Array.from({ length: callers }, (_, index) => caller(index)));
  try {
    return await work();
  } finally {
    working = false;
    await calling;
    report(what, { asked, failed: failed.length });
    expect(failed.slice(0, 10)).toEqual([]);
    expect(asked).toBeGreaterThan(callers);
  }
}
