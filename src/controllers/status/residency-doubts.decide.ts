import type { InferenceService } from '../../contract/inference-service.ts';
import { readResidency } from '../../contract/residency.ts';
import type { ModelEvent } from './model-events.decide.ts';

/** What to tell on an InferenceService whose annotations of residency do not do what they look like. */
export function residencyDoubts({ metadata }: InferenceService): readonly ModelEvent[] {
  return readResidency(metadata.annotations).doubts.map(({ message }) => ({
    type: 'Warning',
    reason: 'ResidencyNotUnderstood',
    message,
  }));
}
