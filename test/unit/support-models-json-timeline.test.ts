import { describe, expect, it } from '@jest/globals';
import { modelsJsonTimeline } from '../support/models-json-timeline.ts';

const shown = (...uris: readonly string[]) =>
  uris.map((storageUri) => ({
    modelName: 'm',
    modelSpec: { storageUri, framework: 'sklearn', memory: '1Mi' },
  }));

describe('comparing versions of models.json with the wanted models', () => {
  it('measures the time from a change to the version that shows it', () => {
    const timeline = modelsJsonTimeline();
    timeline.want('m', 'v1', 100);
    timeline.see(shown(), 150);
    expect(timeline.wrong()).toEqual(['m']);
    timeline.see(shown('v1'), 300);
    timeline.want('m', 'v2', 400);
    timeline.see(shown('v2'), 430);
    timeline.want('m', undefined, 500);
    timeline.see(shown(), 560);
    expect(timeline.wrong()).toEqual([]);
    expect(timeline.verdict(1000)).toMatchObject({
      changes: 3,
      slowest: { add: 200, update: 30, remove: 60 },
      relapses: 0,
    });
  });

  it('measures a change that is never shown until the end', () => {
    const timeline = modelsJsonTimeline();
    timeline.want('m', 'v1', 100);
    expect(timeline.verdict(9000).slowest.add).toBe(8900);
  });

  it('measures a model that disappears later from its change on', () => {
    const timeline = modelsJsonTimeline();
    timeline.want('m', 'v1', 0);
    timeline.see(shown('v1'), 10);
    timeline.see(shown(), 5000);
    timeline.see(shown('v1'), 5001);
    expect(timeline.verdict(6000)).toMatchObject({ slowest: { add: 5001 }, relapses: 1 });
  });

  it('names models that were never wanted', () => {
    const timeline = modelsJsonTimeline();
    timeline.see(shown('v1'), 0);
    expect(timeline.verdict(1).strangers).toEqual(['m']);
  });
});
