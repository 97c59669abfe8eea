import { describe, expect, it } from '@jest/globals';
import { modelPageOf, modelRowOf, standingOf } from '../../../src/page/page-model.decide.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';

const SINCE = '2026-01-02T03:04:05Z';

function model(status?: unknown, more: { metadata?: object; model?: object } = {}): TrainedModel {
  return {
    metadata: { name: 'iris', namespace: 'ns', generation: 2, ...more.metadata },
    spec: {
      inferenceService: 'flowers',
      model: { storageUri: 's3://bucket/iris', framework: 'sklearn', memory: '1Gi', ...more.model },
    },
    status,
  };
}

const loaded = (status: string, reason: string, message = ''): object => ({
  conditions: [
    { type: 'Ready', status: 'False', reason: 'Other' },
    { type: 'ModelLoaded', status, reason, message, lastTransitionTime: SINCE },
  ],
  observedGeneration: 2,
});

describe('the state of a model', () => {
  it.each([
    ['Loaded', loaded('True', 'Loaded', 'loaded on every ready replica'), 'Loaded', ''],
    ['Standby', loaded('True', 'Standby', 'has loaded on every ready replica'), 'Standby', ''],
    ['Failed', loaded('False', 'Failed', '404'), 'Failed', '404'],
    // Beside KServe's controller, a failure is Unknown while another condition is False.
    ['failed, as Unknown', loaded('Unknown', 'Failed', '404'), 'Failed', '404'],
    ['an agent that is not reachable', loaded('Unknown', 'AgentNotReachable', 'x'), 'Unreachable', 'x'],
    ['Queued', loaded('False', 'Queued'), 'OnTheWay', ''],
    ['Downloading', loaded('False', 'Downloading'), 'OnTheWay', ''],
    ['Loading', loaded('False', 'Loading'), 'OnTheWay', ''],
    ['no pod', loaded('False', 'NoReplicas', 'no predictor pod runs'), 'Waiting', 'no predictor pod runs'],
    ['no memory', loaded('False', 'MemoryResourceNotAvailable', 'needs'), 'Waiting', 'needs'],
    ['an unknown reason', loaded('False', 'constructor', 'm'), 'Waiting', 'm'],
  ])('%s', (_what, status, state, message) => {
    const { reason } = standingOf(model(status));
    expect(standingOf(model(status))).toEqual({ state, reason, message, since: SINCE });
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['text', 'Ready'],
    ['invalid conditions', { conditions: 'yes' }],
    ['conditions with invalid entries', { conditions: [null, 7, [], { type: 3 }] }],
    ['other conditions', { conditions: [{ type: 'Ready', status: 'True' }] }],
  ])('is Unknown when the status is %s', (_what, status) => {
    expect(standingOf(model(status))).toMatchObject({ state: 'Unknown', reason: '', since: '' });
    expect(modelPageOf(model(status))).toMatchObject({ state: 'Unknown', url: '' });
  });

  it('is OnTheWay while the status is for an older generation', () => {
    const changed = model(loaded('True', 'Loaded'), { metadata: { generation: 3 } });
    expect(standingOf(changed)).toMatchObject({ state: 'OnTheWay', reason: 'Updating' });
  });

  it('is OnTheWay after its deletion', () => {
    const deleted = model(loaded('True', 'Loaded'), { metadata: { deletionTimestamp: SINCE } });
    expect(standingOf(deleted)).toMatchObject({ state: 'OnTheWay', reason: 'Deleting', since: SINCE });
  });
});

describe('the row of a model', () => {
  it('has the fields of its spec', () => {
    expect(modelRowOf(model(loaded('True', 'Loaded')))).toEqual({
      ...{ name: 'iris', state: 'Loaded', reason: 'Loaded', message: '', since: SINCE },
      ...{ framework: 'sklearn', memory: 2 ** 30, storageUri: 's3://bucket/iris' },
    });
  });

  it.each([
    ['https://user:pass@models.example/a?sig=abc', 'https://models.example/a'],
    ['https://token@models.example/a#frag', 'https://models.example/a'],
    ['abfss://box@account.dfs.core.windows.net/a?sig=abc', 'abfss://box@account.dfs.core.windows.net/a'],
    ['oci://registry.example/a@sha256:0', 'oci://registry.example/a@sha256:0'],
  ])('shows no secret of %s', (storageUri, shown) => {
    expect(modelRowOf(model(undefined, { model: { storageUri } })).storageUri).toBe(shown);
  });

  it.each([[undefined], ['much'], [-1], [{}]])('has no memory for %j', (memory) => {
    expect(modelRowOf(model(undefined, { model: { memory } })).memory).toBeNull();
  });

  it('has a short message, and the page of the model has all of it', () => {
    const long = model(loaded('False', 'Failed', 'x'.repeat(1000)));
    expect(modelRowOf(long).message).toHaveLength(300);
    expect(modelPageOf(long).message).toHaveLength(1000);
    const longer = model(loaded('False', 'Failed', 'x'.repeat(1_000_000)));
    expect(JSON.stringify(modelPageOf(longer)).length).toBeLessThan(20_000);
  });
});
