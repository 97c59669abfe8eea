import type { InferenceService } from '../../contract/inference-service.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import type { EventRecorder } from './event-recorder.ts';
import { residencyDoubts } from './residency-doubts.decide.ts';

interface ResidencyDoubts {
  /** Call whenever an InferenceService was reconciled; undefined when it is deleted. */
  looked(key: ObjectKey, inferenceService: InferenceService | undefined): void;
}

/** Reports faults in residency annotations once, and again when they change. */
export function createResidencyDoubts(events: Pick<EventRecorder, 'record'>): ResidencyDoubts {
  const reported = new Map<ObjectKey, string>();
  return {
    looked(key, inferenceService) {
      const doubts = inferenceService === undefined ? [] : residencyDoubts(inferenceService);
      if (inferenceService === undefined || doubts.length === 0) {
        reported.delete(key);
        return;
      }
      const text = doubts.map(({ message }) => message).join('\n');
      if (reported.get(key) === text) return;
      reported.set(key, text);
      for (const doubt of doubts) events.record(inferenceService, doubt);
    },
  };
}
