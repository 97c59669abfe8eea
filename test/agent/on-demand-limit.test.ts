import { afterEach, describe, expect, it } from '@jest/globals';
import { eventuallyTrue } from '../support/eventually.ts';
import { type MemoryCgroup, memoryCgroup } from '../support/memory-cgroup.ts';
import { allProved, MODEL_BYTES, numbered, onDemandScene, type OnDemandScene } from '../support/on-demand.ts';
import { report } from '../support/report.ts';
import { predict } from '../support/served-versions.ts';

const COUNT = 8;
const TAKES_MIB = 150;
const DECLARED_MIB = TAKES_MIB / 10;
/** What the container would be allowed, and what is left of it for models by default: docs/on-demand.md. */
const LIMIT_MIB = 1_024;
const BUDGET_MIB = 768;

/** By how memory is known: the first says it by itself, and the second has its models in a process of their own. */
const SERVERS = [
  ['server', { MLSERVER_PARALLEL_WORKERS: '0' }],
  ['process', { MLSERVER_PARALLEL_WORKERS: '1' }],
] as const;

describe('models of which each takes 150 MiB and declares 15, on a real MLServer with a limit that the kernel holds', () => {
  let scene: OnDemandScene;
  let cgroup: MemoryCgroup | undefined;
  afterEach(async () => {
    await scene.end();
    await cgroup?.remove();
  });

  it.each(SERVERS)(
    'none is killed for its memory where it is known by: %s',
    async (source, environment) => {
      scene = await onDemandScene(COUNT, { swells: TAKES_MIB * MODEL_BYTES, environment });
      cgroup = await memoryCgroup(LIMIT_MIB);
      // Anew, so that all it takes and all that descend from it count. To hold it to a limit takes root, which who works on this on a
      // machine of their own may not be.
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
