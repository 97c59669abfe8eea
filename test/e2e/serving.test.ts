import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { modelsScene } from './support/models-scene.ts';
import type { ModelsScene } from './support/models-scene.ts';

describe('models of an InferenceService, on a node that enforces restricted pod security', () => {
  let scene: ModelsScene;

  beforeAll(async () => {
    scene = await modelsScene('mms-serving');
  });

  afterAll(async () => {
    await scene.end();
  });

  it('gives its pods an agent', async () => {
    expect(await scene.containers()).toEqual([['kserve-container', 'agent']]);
  });

  it('answers for a model through the Service', async () => {
    await scene.applyModel('one', await scene.store('one', 1));
    await eventually(async () => expect(await scene.ask('one')).toEqual({ status: 200, value: 1 }), 150_000);
  });
});
