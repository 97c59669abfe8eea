import { afterEach, describe, expect, it } from '@jest/globals';
import { eventuallyTrue } from '../support/eventually.ts';
import { type MemoryCgroup, memoryCgroup } from '../support/memory-cgroup.ts';
import { allProved, MODEL_BYTES, numbered, onDemandScene, type OnDemandScene } from '../support/on-demand.ts';
import { report } from '../support/report.ts';
import { predict } from '../support/served-versions.ts';

const COUNT = 8;
const TAKES_MIB = 150;
const DECLARED_MIB = TAKES_MIB / 10;
/** The memory limit of the container, and the default budget for models in it: docs/on-demand.md. */
const LIMIT_MIB = 1_024;
const BUDGET_MIB = 768;

/** By memory source. The first server reports its own memory; the second has its models in another process. */
const SERVERS = [
  ['server', { MLSERVER_PARALLEL_WORKERS: '0' }],
  ['process', { MLSERVER_PARALLEL_WORKERS: '1' }],
] as const;

describe('models that each take 150 MiB and declare 15, on a real MLServer with a memory limit of the kernel', () => {
  let scene: OnDemandScene;
  let cgroup: MemoryCgroup | undefined;
  afterEach(async () => {
    await scene.end();
    await cgroup?.remove();
  });

  it.each(SERVERS)(
    'is never killed for its memory with the memory source: %s',
    async (source, environment) => {
      scene = await onDemandScene(COUNT, { swells: TAKES_MIB * MODEL_BYTES, environment });
      cgroup = await memoryCgroup(LIMIT_MIB);
      // The server restarts, so that all its memory and all its child processes count. The limit needs root, which a
      // developer may not have.
      await scene.server.kill('SIGKILL');
      await scene.server.restart();
      await cgroup?.add(scene.server.pid());
      await scene.server.ready();
      await scene.config.writeModels(
        Array.from({ length: COUNT }, (_, index) =>
          numbered(`m${index + 1}`, index + 1, `${DECLARED_MIB}Mi`),
        ),
      );
      const agent = await scene.start(['--memory-budget', String(BUDGET_MIB * MODEL_BYTES)]);
      await agent.until(allProved(COUNT), 180_000);
      await eventuallyTrue('it is known how', async () => (await agent.status()).memorySource === source);
      const answers: unknown[] = [];
      for (let round = 0; round < 3; round++)
        for (let model = 1; model <= COUNT; model++)
          answers.push((await predict(agent, `m${model}`)) === model ? 'right' : `m${model} wrong`);
      const killed = await cgroup?.killed();
      report(`models ten times as large as declared, known by ${source}`, {
        requests: answers.length,
        peakMib: (await cgroup?.peakMib()) ?? 0,
        limitMib: LIMIT_MIB,
        killed: killed ?? 0,
      });
      expect(new Set(answers)).toEqual(new Set(['right']));
      expect(killed ?? 0).toBe(0);
    },
    300_000,
  );
});
