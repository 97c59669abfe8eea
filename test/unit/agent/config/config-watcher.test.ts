import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigReading, watchModelConfig } from '../../../../src/agent/config/config-watcher.ts';
import type { Clock } from '../../../../src/lib/clock.ts';
import { fakeClock } from '../../../support/clocks.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';
import { configured } from '../../../support/mounted-config.ts';

const MANY = 10_000;
const POLLS = 20;

/** All bytes that this process has read, from files and others. */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}

describe('the watch of models.json', () => {
  let directory: string;
  const over = { abort: new AbortController(), watching: Promise.resolve() };
  const readings: ConfigReading[] = [];
  let polls = 0;
  /** The polls follow each other immediately. */
  const clock: Clock = {
    ...fakeClock(),
    sleep: async () => {
      polls += 1;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-config-'));
    readings.length = 0;
    over.abort = new AbortController();
  });
  afterEach(async () => {
    over.abort.abort();
    await over.watching;
    await rm(directory, { recursive: true });
  });

  const path = () => join(directory, 'models.json');
  const begin = () => {
    over.watching = watchModelConfig(
      directory,
      clock,
      over.abort.signal,
      (reading) => readings.push(reading),
      () => undefined,
    );
  };
  const someTurns = async () => {
    const until = polls + POLLS;
    await eventuallyTrue('it has looked again', () => polls >= until);
  };
  const named = (names: readonly string[]) =>
    JSON.stringify(names.map((name) => configured(name, `s3://models/${name}`)));

  it('does not read an unchanged file again', async () => {
    const text = named(Array.from({ length: MANY }, (_, index) => `m${index}`));
    await writeFile(path(), text);
    begin();
    await eventuallyTrue('it is read', () => readings.length === 1);
    await someTurns();
    const before = await bytesRead();
    await someTurns();
    expect(await bytesRead()).toBeLessThan(before + text.length);
    expect(readings).toHaveLength(1);
  });

  it('notices a change of the same length, a deleted file, and a new one', async () => {
    await writeFile(path(), named(['a']));
    begin();
    await eventuallyTrue('it is read', () => readings.length === 1);
    await someTurns();
    await writeFile(path(), named(['b']));
    await eventuallyTrue('it is read again', () => readings.length >= 2);
    await rm(path());
    await eventuallyTrue('the missing file is reported', () => readings.at(-1)?.kind === 'faulty');
    await writeFile(path(), named(['b']));
    await eventuallyTrue('it is back', () => readings.at(-1)?.kind === 'good');
    const names = readings.flatMap((reading) => (reading.kind === 'good' ? [...reading.models.keys()] : []));
    expect(names).toEqual(['a', 'b', 'b']);
  });
});
