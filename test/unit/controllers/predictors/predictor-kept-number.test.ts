import { describe, expect, it } from '@jest/globals';
import type { InferenceService } from '../../../../src/contract/inference-service.ts';
import { withKeptNumber } from '../../../../src/controllers/predictors/predictor-kept-number.decide.ts';
import type { Scale } from '../../../../src/contract/predictor-outcome.ts';
import type { PredictorPlan } from '../../../../src/controllers/predictors/predictor-workload.decide.ts';

const AUTOSCALER = { 'serving.kserve.io/autoscalerClass': 'external' };
const KEPT = 'kserve-mms/replicas-of-autoscaler';
const STOPPED_AT = 'kserve-mms/replicas-before-stop';

function numberOf(
  minReplicas: unknown,
  scale: Scale,
  live: { annotations?: Record<string, string>; replicas?: number } | undefined,
): { readonly replicas: unknown; readonly kept: string | undefined; readonly scale: Scale } {
  const service = { metadata: { name: 'a' }, spec: { predictor: { minReplicas } } } as InferenceService;
  const replicas = scale.kind === 'fixed' ? scale.replicas : 0;
  const object = { metadata: { name: 'a-predictor', annotations: {} } };
  const plan: Extract<PredictorPlan, { kind: 'workload' }> = {
    ...{ kind: 'workload', scale, runtime: undefined },
    deployment: { ...object, spec: scale.kind === 'external' ? {} : { replicas } },
    service: { ...object, spec: {} },
  };
  const found = withKeptNumber(
    plan,
    service,
    live && {
      metadata: { name: 'a-predictor', annotations: live.annotations ?? {} },
      spec: live.replicas === undefined ? {} : { replicas: live.replicas },
    },
  );
  const { metadata, spec } = found.deployment;
  return { replicas: spec['replicas'], kept: metadata.annotations?.[KEPT], scale: found.scale };
}

const fixed = (replicas: number): Scale => ({ kind: 'fixed', replicas });
const STOPPED: Scale = { kind: 'stopped' };

describe('the number of replicas', () => {
  it.each<[string, ...Parameters<typeof numberOf>, number | undefined, string | undefined]>([
    ['is minReplicas without a Deployment', 2, fixed(2), undefined, 2, undefined],
    ['is minReplicas without an autoscaler before', 2, fixed(2), { replicas: 7 }, 2, undefined],
    [
      ...(['is kept when the autoscaler was just removed', 2, fixed(2)] as const),
      ...([{ annotations: AUTOSCALER, replicas: 7 }, 7, '7 while minReplicas is 2'] as const),
    ],
    [
      ...(['is at least minReplicas', 4, fixed(4)] as const),
      ...([{ annotations: AUTOSCALER, replicas: 3 }, 4, undefined] as const),
    ],
    [
      ...(['is minReplicas when the autoscaler had scaled to zero', 1, fixed(1)] as const),
      ...([{ annotations: AUTOSCALER, replicas: 0 }, 1, undefined] as const),
    ],
    [
      ...(['remains the kept number', undefined, fixed(1)] as const),
      ...([{ annotations: { [KEPT]: '5 while minReplicas is 1' }, replicas: 9 }, 5] as const),
      '5 while minReplicas is 1',
    ],
    [
      ...(['is minReplicas after minReplicas changes', 2, fixed(2)] as const),
      ...([{ annotations: { [KEPT]: '5 while minReplicas is 1' }, replicas: 5 }, 2, undefined] as const),
    ],
    [
      ...(['is kept while the predictor is stopped', 1, STOPPED] as const),
      ...([{ annotations: { [KEPT]: '5 while minReplicas is 1' }, replicas: 5 }, 0] as const),
      '5 while minReplicas is 1',
    ],
    [
      ...(['is kept from before a stop when the autoscaler is removed during it', 1, STOPPED] as const),
      ...([{ annotations: { ...AUTOSCALER, [STOPPED_AT]: '6' }, replicas: 0 }, 0] as const),
      '6 while minReplicas is 1',
    ],
    [
      ...(['is left to an autoscaler again', 1, { kind: 'external' }] as const),
      ...([{ annotations: { [KEPT]: '5 while minReplicas is 1' }, replicas: 5 }] as const),
      ...([undefined, undefined] as const),
    ],
    ...['', '5', '-5 while minReplicas is 1', '5 while minReplicas is 1 or so', '{}'].map(
      (text): [string, number, Scale, { annotations: Record<string, string> }, number, undefined] => [
        `is minReplicas when the kept number is invalid: ${JSON.stringify(text)}`,
        ...([1, fixed(1), { annotations: { [KEPT]: text } }, 1, undefined] as const),
      ],
    ),
  ])('%s', (_, minReplicas, scale, live, replicas, kept) => {
    expect(numberOf(minReplicas, scale, live)).toMatchObject({ replicas, kept });
  });

  it('also determines the status when it was kept', () => {
    const kept = { annotations: { [KEPT]: '3 while minReplicas is 0' }, replicas: 3 };
    expect(numberOf(0, fixed(0), kept).scale).toEqual(fixed(3));
  });
});
