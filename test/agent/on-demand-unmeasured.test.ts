import { afterEach, describe, expect, it } from '@jest/globals';
import process from 'node:process';
import { eventually } from '../support/eventually.ts';
import { type MemoryCgroup, memoryCgroup } from '../support/memory-cgroup.ts';
import { allProved, MODEL_BYTES, numbered, onDemandScene, type OnDemandScene } from '../support/on-demand.ts';
import { report } from '../support/report.ts';
import { predict } from '../support/served-versions.ts';

const COUNT = 8;
const TAKES_MIB = 160;
const DECLARED_MIB = TAKES_MIB / 10;
/** The memory limit of the container, and the default budget for models in it: docs/on-demand.md. */
const LIMIT_MIB = 1_024;
const BUDGET_MIB = 768;
/** A pod in which no container sees the processes of another. */
const OWN_PROCESSES = [
  ...['unshare', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'])],
  ...['--pid', '--fork', '--kill-child', '--mount-proc'],
];
const OFTEN_MS = 50;

/** By default MLServer has its models in a worker process, which its metrics do not include. */
const ENVIRONMENT = { MLSERVER_PARALLEL_WORKERS: '1' };

describe('models that each take 160 MiB and declare 16, on a real MLServer with unmeasurable memory', () => {
  let scene: OnDemandScene;
  let cgroup: MemoryCgroup | undefined;
  const over = new AbortController();
  let kubelet: Promise<unknown> = Promise.resolve();
  /** How often the container ended. The kernel may kill several of its processes for one lack of memory. */
  let ends = 0;
  afterEach(async () => {
    over.abort();
    await scene.end();
    await kubelet;
    await cgroup?.remove();
  });

  async function start(): Promise<void> {
    await scene.server.restart();
    await cgroup?.add(scene.server.pid());
  }

  /** Does what kubelet does: at an OOM kill all processes of the container end (memory.oom.group), and it restarts. */
  async function keepRunning(): Promise<void> {
    let killed = 0;
    const looking = setInterval(() => {
      void cgroup?.killed().then((now) => {
        if (now > killed) void scene.server.kill('SIGKILL');
        killed = now;
      });
    }, OFTEN_MS);
    const isOver = () => over.signal.aborted;
    while (!isOver()) {
      await scene.server.ended();
      if (isOver()) break;
      ends += 1;
      await start();
    }
    clearInterval(looking);
  }

  it('the server is OOM-killed at most once, and all models are served', async () => {
    scene = await onDemandScene(COUNT, { swells: TAKES_MIB * MODEL_BYTES, environment: ENVIRONMENT });
    cgroup = await memoryCgroup(LIMIT_MIB);
    await scene.server.kill('SIGKILL');
    await start();
    await scene.server.ready();
    kubelet = keepRunning();
    const models = Array.from({ length: COUNT }, (_, index) =>
      numbered(`m${index + 1}`, index + 1, `${DECLARED_MIB}Mi`),
    );
    await scene.config.writeModels(models);
    const budget = ['--memory-budget', String(BUDGET_MIB * MODEL_BYTES)];
    const agent = await scene.start(budget, { within: OWN_PROCESSES });
    await agent.until(allProved(COUNT), 180_000);
    expect((await agent.status()).memorySource).toBe('declared');
    for (let round = 0; round < 3; round++)
      for (let model = 1; model <= COUNT; model++)
        await eventually(async () => expect(await predict(agent, `m${model}`)).toBe(model), 60_000);
    const processesKilled = (await cgroup?.killed()) ?? 0;
    report('models ten times as large as declared, without measurements', {
      ...{ requests: 3 * COUNT, peakMib: (await cgroup?.peakMib()) ?? 0, limitMib: LIMIT_MIB },
      ...{ ends, processesKilled },
    });
    expect(ends).toBeLessThanOrEqual(1);
  }, 400_000);
});
