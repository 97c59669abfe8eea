import type { InferenceService } from '../../contract/inference-service.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import type { EventRecorder } from './event-recorder.ts';
import { residencyDoubts } from './residency-doubts.decide.ts';

interface ResidencyDoubts {
  /** To be called whenever an InferenceService was looked at; undefined: it is gone. */
  looked(key: ObjectKey, inferenceService: InferenceService | undefined): void;
}

/** Tells what is wrong with annotations of residency once, and again when it is something else. */
export function createResidencyDoubts(events: Pick<EventRecorder, 'record'>): ResidencyDoubts {
  const told = new Map<ObjectKey, string>();
  return {
    looked(key, inferenceService) {
      const doubts = inferenceService === undefined ? [] : residencyDoubts(inferenceService);
      if (inferenceService === undefined || doubts.length === 0) {
        told.delete(key);
        return;
      }
      const text = doubts.map(({ message }) => message).join('\n');
      if (told.get(key) === text) return;
      told.set(key, text);
      for (const doubt of doubts) events.record(inferenceService, doubt);
    },
  };
}
