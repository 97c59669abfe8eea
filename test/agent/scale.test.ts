import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allLoaded, startAgent } from '../support/agent.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import type { ModelSource } from '../support/model-source.ts';
import { startModelSource } from '../support/model-source.ts';
import { configured, mountConfig } from '../support/mounted-config.ts';
import type { MountedConfig } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';
import { startV2Server } from '../support/v2-server.ts';
import type { V2Server } from '../support/v2-server.ts';

describe('models at start', () => {
  let root: string;
  let modelDir: string;
  let config: MountedConfig;
  let server: V2Server;
  let source: ModelSource;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-scale-'));
    modelDir = join(root, 'models');
    config = await mountConfig(join(root, 'configs'));
    server = await startV2Server(modelDir);
    source = await startModelSource();
  });
  afterEach(async () => {
    await server.stop();
    await source.stop();
    await rm(root, { recursive: true, force: true });
  });

  for (const count of [1, 90, 101, 1_000]) {
    it(`loads all of ${count} once and completely, and then becomes ready`, async () => {
      const names = Array.from({ length: count }, (_, index) => `model-${index}`);
      await config.writeModels(names.map((name) => configured(name, source.uri(name))));
      const agent = await startAgent({ configDir: config.directory, modelDir, componentPort: server.port });
      try {
        // Does not poll the agent, because that would slow it down.
        await eventuallyTrue('all are loaded', () => server.loaded.size === count);
        await agent.until(allLoaded(count), 60_000);
        expect([...server.loaded].sort()).toEqual(names.map((name) => [name, name]).sort());
        expect(server.loads).toHaveLength(count);
        expect(server.loads.filter(({ name, content }) => content !== name)).toEqual([]);
        expect(await agent.notReady()).toBeUndefined();
        const last = Math.max(...server.loads.map(({ at }) => at));
        report(`${count} models`, { startToLastLoadMs: last - agent.startedAt });
      } finally {
        await agent.kill('SIGKILL');
      }
    });
  }
});
