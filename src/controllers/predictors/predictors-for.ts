import type { InferenceService } from '../../contract/inference-service.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import type { Delta, Reflector } from '../../kube/reflector.ts';
import type { AnyReflector } from '../../kube/cluster-view.ts';
import type { KServeAbsence } from '../takeover/kserve-controllers.ts';
import type { ManagerMetrics } from '../../manager/metrics.ts';
import type { ManagerOptions } from '../../manager/options.ts';
import { startPredictors } from './predictor-controller.ts';

/** The controller of predictors as the manager has it, switched on or not. */
export interface ManagersPredictors {
  /** To be told of every change of an InferenceService. */
  readonly inferenceServiceChanged: (delta: Delta<InferenceService>) => void;
  /** Works until the signal aborts. Never rejects. */
  lead(signal: AbortSignal): Promise<void>;
  /** The caches it has of its own, by what their metrics call them. */
  readonly reflectors: ReadonlyMap<string, AnyReflector>;
  /** Those of them that a replica must have before it is ready. */
  readonly needed: readonly AnyReflector[];
}

/** Without `--predictors`: no watches and no writes, and no rights are needed for them. */
const NO_PREDICTORS: ManagersPredictors = {
  inferenceServiceChanged: () => undefined,
  lead: () => Promise.resolve(),
  reflectors: new Map(),
  needed: [],
};

interface PredictorsNeed {
  readonly client: ApiClient;
  readonly metrics: ManagerMetrics;
  /** Undefined without `--predictors`. */
  readonly kserveAbsence: KServeAbsence | undefined;
}

export function predictorsFor(
  { clock, random, logger }: ManagerOptions,
  { client, metrics, kserveAbsence }: PredictorsNeed,
  inferenceServices: Reflector<InferenceService>,
): ManagersPredictors {
  if (kserveAbsence === undefined) return NO_PREDICTORS;
  const predictors = startPredictors({ client, clock, random, logger, metrics, inferenceServices });
  return {
    ...predictors,
    lead: (signal) => kserveAbsence.whileAway(signal, predictors.lead),
  };
}
