import { describe, expect, it } from '@jest/globals';
import type { EpochMs, MonotonicMs } from '../../../../src/lib/clock.ts';
import type { ModelSpec } from '../../../../src/contract/model-config.ts';
import type { ModelFailure, ModelView } from '../../../../src/agent/engine/model-operations.decide.ts';
import { decideFetch, decideServe } from '../../../../src/agent/engine/model-operations.decide.ts';

const NOW = 1_000_000 as MonotonicMs;
const LATER = (NOW + 1) as MonotonicMs;
const EARLIER = (NOW - 1) as MonotonicMs;
const spec = (storageUri: string): ModelSpec => ({ storageUri, framework: 'sklearn', memory: '1Gi' });
const [A, B, C] = [spec('s3://b/a'), spec('s3://b/b'), spec('s3://b/c')];

const NOTHING: ModelView = {
  desired: undefined,
  stored: undefined,
  staged: undefined,
  previous: undefined,
  parked: false,
  residence: 'memory',
  served: { kind: 'absent' },
  failure: undefined,
  fallbackFailure: undefined,
};
const view = (known: Partial<ModelView>): ModelView => ({ ...NOTHING, ...known });
const loaded = (what: ModelSpec) => ({ kind: 'loaded', spec: what }) as const;
const failure = (what: ModelSpec, more: Partial<ModelFailure> = {}): ModelFailure => ({
  spec: what,
  step: 'load',
  reason: 'LoadFailed',
  message: 'no',
  retryAt: LATER,
  retryAtTime: 0 as EpochMs,
  refused: false,
  refetch: false,
  serverAway: false,
  ...more,
});

const UP = true;
const DOWN = false;

describe('decideFetch', () => {
  const TABLE: readonly (readonly [string, Partial<ModelView>, string])[] = [
    ['nothing wanted', { stored: A }, 'idle'],
    ['wanted and not on disk', { desired: A }, 'pull'],
    ['wanted and on disk', { desired: A, stored: A }, 'idle'],
    ['the same memory in another unit', { desired: A, stored: { ...A, memory: '1024Mi' } }, 'idle'],
    ['another version on disk', { desired: B, stored: A }, 'pull'],
    ['fetched, not in place', { desired: B, stored: A, staged: B }, 'idle'],
    ['wanted again while it is kept as the previous version', { desired: A, stored: B, previous: A }, 'idle'],
    ['failed, retry not due', { desired: A, failure: failure(A, { step: 'pull' }) }, 'wait'],
    ['failed, retry due', { desired: A, failure: failure(A, { retryAt: EARLIER }) }, 'pull'],
    ['another version failed', { desired: A, failure: failure(B) }, 'pull'],
    ['on disk, load failed', { desired: A, stored: A, failure: failure(A) }, 'idle'],
    [
      'files suspect, retry not due',
      { desired: A, stored: A, failure: failure(A, { refetch: true }) },
      'wait',
    ],
    [
      'files suspect, retry due',
      { desired: A, stored: A, failure: failure(A, { refetch: true, retryAt: EARLIER }) },
      'pull',
    ],
    [
      'files suspect, fetched again',
      { desired: A, stored: A, staged: A, failure: failure(A, { refetch: true }) },
      'idle',
    ],
  ];
  it.each(TABLE)('%s: %#', (_name, known, expected) => {
    expect(decideFetch(view(known), UP, NOW).kind).toBe(expected);
    expect(decideFetch(view(known), DOWN, NOW).kind).toBe(expected);
  });

  it('fetches again after a failed load only when the server is up', () => {
    const refused = view({ desired: A, failure: failure(A, { refused: true, retryAt: EARLIER }) });
    expect(decideFetch(refused, UP, NOW).kind).toBe('pull');
    expect(decideFetch(refused, DOWN, NOW).kind).toBe('idle');
    expect(decideFetch({ ...refused, desired: B }, DOWN, NOW).kind).toBe('pull');
  });
});

describe('decideServe', () => {
  const TABLE: readonly (readonly [string, Partial<ModelView>, boolean, string])[] = [
    ['nothing at all', {}, UP, 'idle'],
    ['not wanted, loaded', { stored: A, served: loaded(A) }, UP, 'unload'],
    ['not wanted, perhaps loaded', { stored: A, served: { kind: 'unknown' } }, UP, 'unload'],
    ['not wanted, loaded, server down', { stored: A, served: loaded(A) }, DOWN, 'idle'],
    ['not wanted, files left', { stored: A }, DOWN, 'remove'],
    ['not wanted, previous version left', { previous: A }, UP, 'remove'],
    [
      'not wanted, unload failed',
      { stored: A, served: loaded(A), failure: failure(A, { step: 'unload' }) },
      UP,
      'wait',
    ],
    ['no files yet', { desired: A }, UP, 'idle'],
    ['fetched', { desired: A, staged: A }, UP, 'install'],
    ['fetched, server down', { desired: A, staged: A }, DOWN, 'install'],
    ['fetched, no longer wanted', { desired: B, stored: A, staged: C, served: loaded(A) }, UP, 'idle'],
    ['in place', { desired: A, stored: A }, UP, 'load'],
    ['in place, server down', { desired: A, stored: A }, DOWN, 'idle'],
    [
      'in place, previous version loaded',
      { desired: B, stored: B, previous: A, served: loaded(A) },
      UP,
      'load',
    ],
    ['in place, version unknown', { desired: A, stored: A, served: { kind: 'unknown' } }, UP, 'load'],
    ['loaded', { desired: A, stored: A, served: loaded(A) }, UP, 'idle'],
    ['load failed, retry not due', { desired: A, stored: A, failure: failure(A) }, UP, 'wait'],
    [
      'load failed, retry due',
      { desired: A, stored: A, failure: failure(A, { refused: true, retryAt: EARLIER }) },
      UP,
      'load',
    ],
    [
      'load failed, server down',
      { desired: A, stored: A, failure: failure(A, { refused: true }) },
      DOWN,
      'withdraw',
    ],
    [
      'another failure, server down',
      { desired: A, stored: A, failure: failure(A, { retryAt: EARLIER }) },
      DOWN,
      'idle',
    ],
    [
      'load failed, server down, old version restored',
      { desired: B, stored: A, failure: failure(B, { refused: true }) },
      DOWN,
      'idle',
    ],
    [
      'old version failed too, server down',
      { desired: B, stored: A, fallbackFailure: failure(A, { refused: true }) },
      DOWN,
      'withdraw',
    ],
    [
      'files suspect',
      { desired: A, stored: A, failure: failure(A, { refetch: true, retryAt: EARLIER }) },
      UP,
      'idle',
    ],
    [
      'A, B, then A before B was loaded',
      { desired: A, stored: B, previous: A, served: loaded(A) },
      UP,
      'goBack',
    ],
    ['update in progress, old version loaded', { desired: B, stored: A, served: loaded(A) }, UP, 'idle'],
    ['update in progress, server restarted', { desired: B, stored: A }, UP, 'load'],
    [
      'update in progress, server restarted, load of the old version failed',
      { desired: B, stored: A, fallbackFailure: failure(A) },
      UP,
      'wait',
    ],
  ];
  it.each(TABLE)('%s: %#', (_name, known, serverUp, expected) => {
    expect(decideServe(view(known), serverUp, NOW).kind).toBe(expected);
  });

  it('loads the old version while the new one is unavailable', () => {
    expect(decideServe(view({ desired: B, stored: A, failure: failure(B) }), UP, NOW)).toMatchObject({
      kind: 'load',
      spec: A,
    });
  });

  /** Every combination of the parts, so that each has a sensible result. */
  it('never loads a version that is not in place, and never removes files of a loaded model', () => {
    const versions = [undefined, A, B];
    const servings = [{ kind: 'absent' }, { kind: 'unknown' }, loaded(A), loaded(B)] as const;
    const refused = failure(A, { refused: true });
    const failures = [
      undefined,
      failure(A),
      failure(B),
      failure(A, { refetch: true, retryAt: EARLIER }),
      refused,
    ];
    for (const desired of versions)
      for (const stored of versions)
        for (const staged of versions)
          for (const previous of versions)
            for (const served of servings)
              for (const fault of failures)
                for (const up of [UP, DOWN]) {
                  const known = view({ desired, stored, staged, previous, served, failure: fault });
                  const operation = decideServe(known, up, NOW);
                  expect(operation.reason).not.toBe('');
                  if (operation.kind === 'load') expect([up, operation.spec]).toEqual([true, stored]);
                  if (operation.kind === 'remove') expect(served.kind).toBe('absent');
                  if (operation.kind === 'install') expect(staged).toEqual(desired);
                  if (operation.kind === 'withdraw') expect([up, fault, stored]).toEqual([DOWN, refused, A]);
                  if (operation.kind === 'goBack') expect(previous).toEqual(desired);
                }
  });
});
