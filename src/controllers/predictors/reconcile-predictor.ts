import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../lib/clock.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import type { KubernetesObject, ObjectKey } from '../../contract/kubernetes.ts';
import { isControlledBy, objectKey, splitKey } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { predictorName, STOP_ANNOTATION } from '../../contract/names.ts';
import { withKeptNumber } from './predictor-kept-number.decide.ts';
import { nextStatus } from './predictor-status.decide.ts';
import type { Deployment, PredictorOutcome } from '../../contract/predictor-outcome.ts';
import { planPredictor, withinReach } from './predictor-workload.decide.ts';
import type { PredictorPlan } from './predictor-workload.decide.ts';
import type { RuntimeOffers } from '../../contract/serving-runtime-selection.ts';
import type { MmsError } from '../../lib/errors.ts';
import { applyObject } from './apply-object.ts';
import type { ManagedKind } from './apply-object.ts';

/** The reads and writes of the predictor reconciler. Every cache is synced before the first call. */
export interface PredictorDependencies {
  /** The newest of watch and own writes. */
  inferenceService(key: ObjectKey): InferenceService | undefined;
  runtimes(namespace: string): RuntimeOffers;
  /**
   * The requirement of our webhook's namespaceSelector that a namespace does not meet; undefined when it is selected.
   */
  unmetIn(namespace: string): string | undefined;
  readonly deployments: ManagedKind<Deployment>;
  readonly services: ManagedKind<KubernetesObject>;
  /** Scales a Deployment that cannot be applied to zero. */
  stopPods(key: ObjectKey): Promise<void>;
  /** Fails with API_CONFLICT when the InferenceService has changed in the meantime. */
  writeStatus(inferenceService: InferenceService): Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once per reconcile, for metrics; undefined when the InferenceService needs no predictor. */
  readonly observe: (key: ObjectKey, outcome: PredictorOutcome | undefined) => void;
}

/**
 * Brings the Deployment, the Service and the status of one InferenceService in sync with its spec and the runtimes.
 * Level-based, as every reconcile here. Nothing is deleted: the garbage collector cleans up after a deleted
 * InferenceService.
 * @throws {MmsError} retryable ones are to be tried again, the others need a change
 */
export async function reconcilePredictor(key: ObjectKey, dependencies: PredictorDependencies): Promise<void> {
  const { deployments, services, logger, observe } = dependencies;
  const inferenceService = dependencies.inferenceService(key);
  if (inferenceService === undefined || inferenceService.metadata.deletionTimestamp !== undefined) {
    for (const { applied } of [deployments, services]) applied.delete(predictorKey(key));
    observe(key, undefined);
    return;
  }
  const { namespace } = splitKey(key);
  const plan = withinReach(
    planPredictor(inferenceService, dependencies.runtimes(namespace)),
    dependencies.unmetIn(namespace),
  );
  const { outcome, error } = await carryOut(inferenceService, plan, dependencies);
  observe(key, outcome);
  if (outcome === undefined) {
    logger.debug({ key, because: plan.kind === 'left-alone' ? plan.message : 'being deleted' }, 'left alone');
    return;
  }
  const status = nextStatus(inferenceService, outcome, new Date(dependencies.clock.now()).toISOString());
  if (!isDeepStrictEqual(inferenceService.status, status)) {
    await dependencies.writeStatus({ ...inferenceService, status });
  }
  if (error !== undefined) throw error;
}

interface Result {
  /** Undefined when the status is not written. */
  readonly outcome: PredictorOutcome | undefined;
  readonly error?: MmsError;
}

async function carryOut(
  inferenceService: InferenceService,
  plan: PredictorPlan,
  dependencies: PredictorDependencies,
): Promise<Result> {
  const { deployments, services, logger } = dependencies;
  const { metadata } = inferenceService;
  const key = predictorKey(objectKey(metadata.namespace ?? '', metadata.name));
  const own = {
    deployment: ownedBy(inferenceService, deployments.known(key)),
    service: ownedBy(inferenceService, services.known(key)),
    stopped: metadata.annotations?.[STOP_ANNOTATION] === 'true',
  };
  switch (plan.kind) {
    case 'left-alone':
      return {
        outcome: own.deployment === undefined ? undefined : { kind: 'abandoned', message: plan.message },
      };
    case 'blocked': {
      // A stop must work whatever else is wrong.
      const runs = own.deployment !== undefined && own.deployment.spec?.replicas !== 0;
      if (own.stopped && runs) {
        await dependencies.stopPods(key);
        return { outcome: { ...plan, ...own, deployment: deployments.known(key) } };
      }
      return { outcome: { ...plan, ...own } };
    }
    case 'workload': {
      const { scale, runtime, ...wanted } = withKeptNumber(plan, inferenceService, own.deployment);
      const deployment = await applyObject(deployments, wanted.deployment, logger);
      if (deployment.kind === 'blocked')
        return { outcome: { ...deployment, ...own }, error: deployment.error };
      if (deployment.kind === 'going') return { outcome: going('Deployment', metadata.name) };
      const service = await applyObject(services, wanted.service, logger);
      if (service.kind === 'blocked')
        return { outcome: { ...service, ...own, deployment: deployment.object }, error: service.error };
      if (service.kind === 'going') return { outcome: going('Service', metadata.name) };
      const made = { deployment: deployment.object, service: service.object };
      return { outcome: { kind: 'deployed', ...made, scale, runtime } };
    }
  }
}

function going(kind: 'Deployment' | 'Service', inferenceService: string): PredictorOutcome {
  const name = predictorName(inferenceService);
  return {
    kind: 'going',
    message: `${kind} ${name} is being deleted; it is created again once it is gone`,
  };
}

function predictorKey(key: ObjectKey): ObjectKey {
  const { namespace, name } = splitKey(key);
  return objectKey(namespace, predictorName(name));
}

function ownedBy<T extends KubernetesObject>(owner: KubernetesObject, object: T | undefined): T | undefined {
  return isControlledBy(object, owner) ? object : undefined;
}
