import { expect, it } from '@jest/globals';
import type { InferenceService } from '../../../../src/contract/inference-service.ts';
import { objectKey } from '../../../../src/contract/kubernetes.ts';
import { createResidencyDoubts } from '../../../../src/controllers/status/residency-doubts.ts';

const KEY = objectKey('ns', 'flowers');
const service = (annotations: Record<string, string>): InferenceService => ({
  metadata: { name: 'flowers', namespace: 'ns', annotations },
});
const ON_DEMAND = { 'kserve-mms/residency': 'on-demand' };
const BAD = { ...ON_DEMAND, 'kserve-mms/memory-budget': 'much' };

it('reports an invalid annotation once, and again when it changes or comes back', () => {
  const reported: string[] = [];
  const doubts = createResidencyDoubts({ record: (_about, { reason }) => reported.push(reason) });
  const looks: readonly (readonly [InferenceService | undefined, number])[] = [
    [service({}), 0],
    [service(ON_DEMAND), 0],
    [service(BAD), 1],
    [service(BAD), 1],
    [service({ ...BAD, 'kserve-mms/disk-budget': '-1' }), 3],
    [service(ON_DEMAND), 3],
    [service(BAD), 4],
    [undefined, 4],
    [service(BAD), 5],
    [service({ 'kserve-mms/residency': 'sometimes' }), 6],
  ];
  for (const [looked, sum] of looks) {
    doubts.looked(KEY, looked);
    expect(reported).toHaveLength(sum);
  }
  expect(new Set(reported)).toEqual(new Set(['ResidencyNotUnderstood']));
});
