import type { InferenceService } from '../../contract/inference-service.ts';
import { readResidency } from '../../contract/residency.ts';
import type { ModelEvent } from './model-events.decide.ts';

/** Events for an InferenceService whose residency annotations do not have the effect they suggest. */
export function residencyDoubts({ metadata }: InferenceService): readonly ModelEvent[] {
  return readResidency(metadata.annotations).doubts.map(({ message }) => ({
    type: 'Warning',
    reason: 'ResidencyNotUnderstood',
    message,
  }));
}
