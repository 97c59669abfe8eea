import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { allLoaded } from '../support/agent.ts';
import { agentScene } from '../support/agent-scene.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { startFileServer } from '../support/file-server.ts';
import { configured } from '../support/mounted-config.ts';
import { watchMemory } from '../support/process-memory.ts';
import { report } from '../support/report.ts';

const GIB = 1024 ** 3;
/** The limit of the whole container. */
const LIMIT_MIB = 200;

describe('the memory of the agent with its puller', () => {
  let scene: AgentScene;
  beforeEach(async () => {
    scene = await agentScene();
  });
  afterEach(() => scene.end());

  it(`stays within ${LIMIT_MIB} MiB while it pulls a model of 1 GiB`, async () => {
    const large = await startFileServer(GIB);
    await scene.config.writeModels([configured('large', large.url)]);
    const agent = await scene.start();
    const memory = watchMemory(agent.process.pid!);
    const began = performance.now();
    await agent.until(allLoaded(1), 100_000);
    const took = performance.now() - began;
    const { peakMib, processes } = await memory.stop();
    await large.stop();
    report('a model of 1 GiB', { peakMiB: peakMib, processes, tookMs: took });
    expect((await stat(join(scene.modelDir, 'large', 'model.bin'))).size).toBe(GIB);
    // Both processes ran while the memory was measured.
    expect(processes).toBe(2);
    expect(peakMib).toBeLessThan(LIMIT_MIB);
  });
});
