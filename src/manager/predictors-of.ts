import type { InferenceService } from '../core/inference-service.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { Delta } from '../kube/reflector.ts';
import type { AnyReflector, ClusterView } from './cluster-view.ts';
import { workWithoutKServe } from './kserve-controllers.ts';
import type { ManagerMetrics } from './metrics.ts';
import type { ManagerOptions } from './options.ts';
import { createPredictorMetrics } from './predictor-metrics.ts';
import { startPredictors } from './predictors.ts';
import type { Reconciling } from './reconciling.ts';

/** The controller of predictors as the manager has it, switched on or not. */
export interface ManagersPredictors {
  inferenceServiceChanged(delta: Delta<InferenceService>): void;
  /** Leads together with the reconciler of ConfigMaps; ends when both have. */
  leadBeside(reconciling: Reconciling, signal: AbortSignal): Promise<void>;
  readonly reflectors: readonly AnyReflector[];
}

export interface PredictorParts {
  readonly client: ApiClient;
  readonly view: ClusterView;
  readonly metrics: ManagerMetrics;
  /** Who else is told of each InferenceService. */
  readonly andTell: (delta: Delta<InferenceService>) => void;
}

/** Without `--predictors` there are no watches and no writes, and no rights are needed for them. */
export function predictorsOf(options: ManagerOptions, parts: PredictorParts): ManagersPredictors {
  const { client, view, metrics, andTell } = parts;
  if (!options.predictors) {
    return {
      inferenceServiceChanged: andTell,
      leadBeside: (reconciling, signal) => reconciling.lead(signal),
      reflectors: [],
    };
  }
  const { clock, random, logger } = options;
  const predictors = startPredictors({
    ...{ client, clock, random, logger, inferenceServices: view.inferenceServices },
    metrics: createPredictorMetrics(metrics.registry),
    observeReflector: metrics.reflector,
  });
  return {
    inferenceServiceChanged(delta) {
      andTell(delta);
      predictors.inferenceServiceChanged(delta);
    },
    async leadBeside(reconciling, signal) {
      const work = workWithoutKServe(predictors.lead, { client, clock, logger }, signal);
      await Promise.all([reconciling.lead(signal), work]);
    },
    reflectors: predictors.reflectors,
  };
}
