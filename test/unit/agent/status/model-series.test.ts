import { describe, expect, it } from '@jest/globals';
import { Gauge, Registry } from 'prom-client';
import { newTrackedModel, type TrackedModel } from '../../../../src/agent/engine/tracked-model.ts';
import { createAgentMetrics } from '../../../../src/agent/status/metrics.ts';
import { milliseconds } from '../../../../src/lib/clock.ts';
import type { EpochMs } from '../../../../src/lib/clock.ts';

const model = (name: string, known: Partial<TrackedModel>): TrackedModel => ({
  ...newTrackedModel(name, undefined, 0 as EpochMs),
  ...known,
});
const MODELS = [
  model('a', { phase: { phase: 'Loaded' }, bytes: 1_000, attempts: 2 }),
  model('b-1.x', { times: { queued: milliseconds(0.1 + 0.2), load: milliseconds(1_500) } }),
];

describe('the series of each model', () => {
  it('are equal to those of the client library', async () => {
    const registry = new Registry();
    const gauge = (name: string, help: string, labelNames: string[]) =>
      new Gauge({ name: `kserve_mms_agent_${name}`, help, labelNames, registers: [registry] });
    const phase = gauge('model_phase', 'The phase of each model: always 1', ['model', 'phase']);
    const bytes = gauge('model_bytes', 'Bytes on disk of each model', ['model']);
    const attempts = gauge('model_attempts', 'Attempts at the desired version of each model', ['model']);
    const steps = gauge('model_step_seconds', 'How long the last run of each step took for each model', [
      'model',
      'step',
    ]);
    for (const { name, ...known } of MODELS) {
      phase.set({ model: name, phase: known.phase.phase }, 1);
      bytes.set({ model: name }, known.bytes);
      attempts.set({ model: name }, known.attempts);
      for (const [step, took] of Object.entries(known.times)) steps.set({ model: name, step }, took / 1_000);
    }
    const families = (text: string) => text.trim().split(/\n\n/);
    const metrics = createAgentMetrics(
      () => MODELS,
      () => true,
    );
    const own = families(await metrics.text()).filter((family) => family.includes('_agent_model_'));
    expect(own).toEqual(families(await registry.metrics()));
  });

  it('follow the complete families of the others, and end with a newline', async () => {
    const text = await createAgentMetrics(
      () => [],
      () => true,
    ).text();
    expect(text).toMatch(/^# TYPE kserve_mms_agent_model_step_seconds gauge\n$/m);
    expect(text).toMatch(/\n$/);
  });
});
