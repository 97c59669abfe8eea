import { describe, expect, it } from '@jest/globals';
import type { MoveObjects } from '../../../../src/cli/fold/move/move-state.decide.ts';
import { runMoves } from '../../../../src/cli/fold/move/run-moves.ts';
import type { Move, MoveOutcome, MoveWorld } from '../../../../src/cli/fold/move/run-moves.ts';
import type { Goal } from '../../../../src/cli/fold/move/steps.decide.ts';
import type { EndpointSlice } from '../../../../src/contract/endpoint-slice.ts';
import type { InferenceService } from '../../../../src/contract/inference-service.ts';
import type { Deployment } from '../../../../src/contract/predictor-outcome.ts';
import type { TrainedModel } from '../../../../src/contract/trained-model.ts';
import { ApiError } from '../../../../src/kube/api-error.ts';
import { seconds } from '../../../../src/lib/clock.ts';
import type { Milliseconds, MonotonicMs } from '../../../../src/lib/clock.ts';

const REPLACES = 'kserve-mms/replaces';
const BEFORE = 'kserve-mms/replicas-before-retire';
const FROM = 'kserve-mms/folded-from';
const SHARED = 'sklearn-shared';
const NAMES = ['iris', 'rose'];

const OF_ONE_MODEL = (name: string): InferenceService => ({
  metadata: { name },
  spec: { predictor: { sklearn: { storageUri: 's3://a/b' } } },
});

/** Ends the run like kill -9: after a step was done, before its result is used. */
class Killed extends Error {}

/** A cluster whose controllers have always finished when it is read. */
function playedCluster() {
  const services = new Map<string, InferenceService>(NAMES.map((name) => [name, OF_ONE_MODEL(name)]));
  const models = new Map<string, TrainedModel>();
  const replicas = new Map(NAMES.map((name) => [name, 2]));
  const leaving = new Set<string>();
  const steps: string[] = [];
  let time = 0;
  let killAfter = Infinity;
  let failing = 0;
  let leads = true;
  const alike = new Set(NAMES);

  function read(): Promise<MoveObjects> {
    if (failing-- > 0) return Promise.reject(new ApiError('away', { code: 'API_UNREACHABLE' }));
    const deployments = [...replicas].map(([name, count]): [string, Deployment] => [
      `${name}-predictor`,
      {
        metadata: { name: `${name}-predictor` },
        ...{ spec: { replicas: count }, status: { replicas: count, readyReplicas: count } },
      },
    ]);
    const slices = [...models.values()]
      .filter(({ metadata }) => leads && metadata.annotations?.[REPLACES] === metadata.name)
      .map(({ metadata: { name } }): EndpointSlice => ({
        metadata: { name, labels: { [REPLACES]: name } },
        endpoints: [{ addresses: ['10.0.0.1'] }],
      }));
    return Promise.resolve({
      ...{ services: new Map(services), models: new Map(models) },
      ...{ deployments: new Map(deployments), slices },
      leaving: [...leaving].map((name) => ({ metadata: { name, labels: { 'kserve-mms/leaving': name } } })),
    });
  }

  function annotate(name: string, more: Record<string, string | undefined>): void {
    const model = models.get(name);
    if (model === undefined) throw new Error(`no model ${name}`);
    const annotations = { ...model.metadata.annotations, ...more } as Record<string, string>;
    models.set(name, { ...model, metadata: { ...model.metadata, annotations } });
  }

  const perform: MoveWorld['perform'] = ({ kind, ...step }, { name, shared, model }) => {
    const count = 'replicas' in step ? step.replicas : 0;
    if (kind === 'compare' && !alike.has(name))
      return Promise.resolve({ kind: 'stopped', code: 'ValuesDiffer', message: 'x' });
    if (kind === 'make-service') {
      const status = { conditions: [{ type: 'Ready', status: 'True' }] };
      services.set(shared, { metadata: { name: shared, annotations: { [FROM]: NAMES.join(',') } }, status });
    } else if (kind === 'make-model') models.set(name, { ...(model as TrainedModel), status: LOADED });
    else if (kind === 'lead') annotate(name, { [REPLACES]: name });
    else if (kind === 'note-replicas') annotate(name, { [BEFORE]: String(count) });
    else if (kind === 'scale') {
      replicas.set(name, count);
      if (count === 0) leaving.add(name);
    } else if (kind === 'end-pods') leaving.delete(name);
    else if (kind === 'release') annotate(name, { [REPLACES]: '', [BEFORE]: undefined });
    else if (kind === 'delete-model') models.delete(name);
    else if (kind === 'delete-service') services.delete(shared);
    steps.push(`${kind} ${kind.endsWith('service') ? shared : name}`);
    if (steps.length >= killAfter) return Promise.reject(new Killed('killed'));
    return Promise.resolve({
      kind: 'done',
      text: kind,
      ...(kind === 'compare' && { found: { alike: true } }),
      ...((kind === 'drain' || kind === 'finish') && { found: { drained: true } }),
      ...(kind === 'settle' && { found: { settled: true } }),
    });
  };

  return {
    ...{ services, models, replicas, steps, alike },
    neverLeads: () => (leads = false),
    fails: (times: number) => (failing = times),
    killAfter: (count: number) => (killAfter = count),
    run: (goal: Goal, signal = new AbortController().signal): Promise<MoveOutcome[]> =>
      runMoves(goal, NAMES.map(moveOf), {
        ...{ read, perform, signal, say: () => undefined, timeout: seconds(10) },
        clock: {
          now: () => 0 as never,
          monotonic: () => time as MonotonicMs,
          sleep: (span: Milliseconds) => {
            time += span;
            return Promise.resolve();
          },
        },
      }),
    /** The content of the cluster, for a comparison. */
    content: (): object => ({
      services: [...services.keys()].sort(),
      models: [...models].sort().map(([name, { metadata }]) => [name, metadata.annotations]),
      replicas: [...replicas],
      leaving: [...leaving],
    }),
  };
}

const LOADED = {
  conditions: ['Ready', 'ModelLoaded'].map((type) => ({ type, status: 'True', reason: 'Loaded' })),
};

function moveOf(name: string): Move {
  const model = {
    metadata: { name, namespace: 'default', annotations: { [FROM]: name } },
    spec: {
      inferenceService: SHARED,
      model: { storageUri: 's3://a/b', framework: 'sklearn', memory: '1Mi' },
    },
  };
  return { name, shared: SHARED, service: { metadata: { name: SHARED } }, model };
}

const GOALS: readonly Goal[] = ['apply', 'retire', 'undo'];
const PREPARED: Readonly<Record<Goal, readonly Goal[]>> = {
  apply: [],
  retire: ['apply'],
  undo: ['apply', 'retire'],
};

async function prepared(goal: Goal): Promise<ReturnType<typeof playedCluster>> {
  const cluster = playedCluster();
  for (const before of PREPARED[goal]) await cluster.run(before);
  cluster.steps.length = 0;
  return cluster;
}

describe('a move', () => {
  it('creates the shared InferenceService once, and then moves each model', async () => {
    const cluster = await prepared('apply');
    expect(await cluster.run('apply')).toEqual(
      NAMES.map((name) => ({ name, shared: SHARED, stopped: undefined })),
    );
    expect(cluster.steps).toEqual([
      `make-service ${SHARED}`,
      ...['make-model', 'compare', 'lead'].flatMap((kind) => NAMES.map((name) => `${kind} ${name}`)),
    ]);
  });

  it('followed by --retire and --undo restores the previous state', async () => {
    const cluster = playedCluster();
    const before = cluster.content();
    for (const goal of GOALS) await cluster.run(goal);
    expect(cluster.content()).toEqual(before);
  });

  it('stops for a model with other responses, and continues with the others', async () => {
    const cluster = await prepared('apply');
    cluster.alike.delete('rose');
    const outcomes = await cluster.run('apply');
    expect(outcomes.map(({ name, stopped }) => [name, stopped?.code]).sort()).toEqual([
      ['iris', undefined],
      ['rose', 'ValuesDiffer'],
    ]);
    expect(cluster.models.get('rose')?.metadata.annotations).not.toHaveProperty(REPLACES);
  });

  it.each(GOALS)(
    'that is killed after any step of --%s has the same result when it is run again',
    async (goal) => {
      const whole = await prepared(goal);
      await whole.run(goal);
      expect(whole.steps.length).toBeGreaterThan(2);
      for (let count = 1; count <= whole.steps.length; count += 1) {
        const cluster = await prepared(goal);
        cluster.killAfter(count);
        await expect(cluster.run(goal)).rejects.toThrow(Killed);
        cluster.killAfter(Infinity);
        await cluster.run(goal);
        expect(cluster.content()).toEqual(whole.content());
      }
    },
  );

  it('can be undone after any step', async () => {
    const before = playedCluster().content();
    for (let count = 1; count <= 7; count += 1) {
      const cluster = await prepared('apply');
      cluster.killAfter(count);
      await expect(cluster.run('apply')).rejects.toThrow(Killed);
      cluster.killAfter(Infinity);
      await cluster.run('undo');
      expect(cluster.content()).toEqual(before);
    }
  });

  it('survives a short outage of the API server', async () => {
    const cluster = await prepared('apply');
    cluster.fails(3);
    expect((await cluster.run('apply')).every(({ stopped }) => stopped === undefined)).toBe(true);
  });

  it('stops with the reason when there is no progress in time', async () => {
    const cluster = await prepared('apply');
    cluster.neverLeads();
    const [first] = await cluster.run('apply');
    expect(first?.stopped?.code).toBe('NotInTime');
    expect(first?.stopped?.message).toContain('the manager to route Service iris-predictor');
  });

  it('ends when it is aborted', async () => {
    const cluster = await prepared('apply');
    const outcomes = await cluster.run('apply', AbortSignal.abort());
    expect(outcomes.map(({ stopped }) => stopped?.code)).toEqual(['Stopped', 'Stopped']);
    expect(cluster.steps).toEqual([]);
  });
});
