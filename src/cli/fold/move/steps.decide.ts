import type { KubernetesObject } from '../../../contract/kubernetes.ts';

/** Which way an InferenceService is moved. */
export type Goal = 'apply' | 'retire' | 'undo';

/** The current state of one move in the cluster. */
export interface MoveState {
  readonly name: string;
  /** The InferenceService whose pods are shared. */
  readonly shared: {
    readonly name: string;
    readonly exists: boolean;
    readonly deleting: boolean;
    /**
     * KServe's controller reconciles a TrainedModel when that changes, but not when its InferenceService becomes ready.
     */
    readonly ready: boolean;
    /** Whether `--apply` made it. */
    readonly made: boolean;
    /** TrainedModels that name it. */
    readonly models: number;
  };
  readonly model: ModelState | undefined;
  /** The EndpointSlices with which the model replaces it, and the ready endpoints in them. */
  readonly slices: number;
  readonly endpoints: number;
  /** Its own pods that were removed from its Service, and must end. */
  readonly leaving: number;
  readonly old: {
    readonly exists: boolean;
    /** It serves TrainedModels, so none can replace it. */
    readonly multiModel: boolean;
    /** Undefined: KServe has made none, as with Knative. */
    readonly deployment:
      { readonly replicas: number; readonly ready: number; readonly pods: number } | undefined;
    /** What sets its number of pods, if not KServe's usual HorizontalPodAutoscaler. */
    readonly autoscaler: string | undefined;
  };
}

export interface ModelState {
  readonly inferenceService: string | undefined;
  readonly deleting: boolean;
  readonly load: { readonly state: 'ready' | 'going' | 'stuck' | 'blocked' | 'gone'; readonly line: string };
  /** `ended`: it did before, and its slices must be removed. */
  readonly replacing: 'no' | 'yes' | 'ended';
  readonly made: boolean;
  /** The number of pods of the old Deployment before it was retired. */
  readonly replicasBefore: number | undefined;
}

/** Findings of this run that no object stores. */
export interface Found {
  /** The answers of both are equal. */
  readonly alike: boolean;
  /** Pods have been out of the old name's Service for long enough that no client reaches them by it. */
  readonly drained: boolean;
  /** Its own pods have been ready for long enough that its Service routes to them. */
  readonly settled: boolean;
}

type RefusalCode =
  | 'NoInferenceService'
  | 'NoDeployment'
  | 'OtherTrainedModel'
  | 'MultiModel'
  | 'ModelBlocked'
  | 'NotMoved'
  | 'OtherAutoscaler'
  | 'NothingWritten';

export type Step =
  | { readonly kind: 'make-service' | 'make-model' | 'compare' | 'lead' }
  | { readonly kind: 'note-replicas' | 'scale'; readonly replicas: number }
  | { readonly kind: 'finish' | 'end-pods' }
  | { readonly kind: 'release' | 'settle' | 'drain' | 'delete-model' | 'forget' | 'delete-service' }
  | { readonly kind: 'wait'; readonly forWhat: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'refuse'; readonly code: RefusalCode; readonly message: string };

/** The objects that `--apply` writes for a move; undefined when they exist already. */
export interface MoveManifests {
  readonly service: KubernetesObject | undefined;
  readonly model: KubernetesObject | undefined;
}

/**
 * The next step of a move. It depends only on the cluster's state, and each step can be repeated, so another run can
 * continue an interrupted one at any point.
 */
export function nextStep(goal: Goal, state: MoveState, found: Found, written: MoveManifests): Step {
  switch (goal) {
    case 'apply':
      return applyStep(state, found, written);
    case 'retire':
      return retireStep(state, found);
    case 'undo':
      return undoStep(state, found);
  }
}

function applyStep(state: MoveState, found: Found, written: MoveManifests): Step {
  const { name, shared, model, old } = state;
  if (!old.exists) return refuse('NoInferenceService', `there is no InferenceService ${name}`);
  if (old.multiModel) return refuseMultiModel(name);
  if (old.deployment === undefined)
    return refuse(
      'NoDeployment',
      "it has no Deployment: --apply moves InferenceServices of KServe's Standard mode; with Knative, move the routes by hand",
    );
  if (model?.deleting === true) return wait('its TrainedModel to be gone');
  if (shared.deleting) return wait(`InferenceService ${shared.name} to be gone`);
  if (!shared.exists) return written.service === undefined ? nothingWritten(state) : { kind: 'make-service' };
  if (model === undefined) {
    if (written.model === undefined) return nothingWritten(state);
    return shared.ready ? { kind: 'make-model' } : wait(`InferenceService ${shared.name} to be Ready`);
  }
  if (model.inferenceService !== shared.name)
    return refuse(
      'OtherTrainedModel',
      `there is a TrainedModel of its name for InferenceService ${model.inferenceService ?? '(none)'}`,
    );
  if (model.replacing === 'yes') return ledStep(state);
  if (model.load.state === 'blocked') return refuse('ModelBlocked', model.load.line);
  if (model.load.state !== 'ready') return wait(`its model: ${model.load.line}`);
  return found.alike ? { kind: 'lead' } : { kind: 'compare' };
}

/** An earlier run's or a user's objects are reused; what was deleted of them is made by a run that starts afresh. */
function nothingWritten({ name, shared }: MoveState): Step {
  const message = shared.exists
    ? 'its TrainedModel was deleted in the meantime: run mms fold --apply again'
    : `InferenceService ${shared.name} no longer exists: mms fold --undo ${name}, then --apply again`;
  return refuse('NothingWritten', message);
}

function ledStep({ name, endpoints }: MoveState): Step {
  return endpoints > 0
    ? { kind: 'done' }
    : wait(
        `the manager to route Service ${name}-predictor to the shared pods (if it does not, its log says why; it needs the rights of this version)`,
      );
}

function retireStep({ name, model, endpoints, leaving, old }: MoveState, { drained }: Found): Step {
  if (old.multiModel) return refuseMultiModel(name);
  if (model?.replacing !== 'yes' || endpoints === 0)
    return refuse('NotMoved', `its Service does not route to shared pods: mms fold --apply ${name} first`);
  const { deployment, autoscaler } = old;
  if ((deployment?.replicas ?? 0) === 0 && leaving > 0) return { kind: drained ? 'end-pods' : 'finish' };
  if (deployment === undefined) return { kind: 'done' };
  if (autoscaler !== undefined && deployment.replicas > 0)
    return refuse(
      'OtherAutoscaler',
      `${autoscaler} sets the number of its pods and would start them again: scale it to zero there`,
    );
  if (deployment.replicas > 0)
    return model.replicasBefore === deployment.replicas
      ? { kind: 'scale', replicas: 0 }
      : { kind: 'note-replicas', replicas: deployment.replicas };
  return deployment.pods > 0 ? wait('its pods to end') : { kind: 'done' };
}

function undoStep(state: MoveState, found: Found): Step {
  const step = wayBack(state, found);
  // The pods of an interrupted --retire have no other owner.
  return step.kind === 'done' && state.leaving > 0 ? { kind: 'end-pods' } : step;
}

function wayBack(state: MoveState, found: Found): Step {
  const { model, shared, old } = state;
  if (model === undefined) {
    // The number of pods was stored on the TrainedModel, which was deleted.
    if (shared.made && old.exists && old.autoscaler === undefined && old.deployment?.replicas === 0)
      return { kind: 'scale', replicas: 1 };
    return shared.exists && shared.made && shared.models === 0
      ? { kind: 'delete-service' }
      : { kind: 'done' };
  }
  if (model.deleting) return wait('its TrainedModel to be gone');
  switch (model.replacing) {
    case 'yes':
      return backToOld(state, model, found);
    case 'ended':
      if (state.slices > 0) return wait('the manager to route its Service only to its own pods');
      if (!found.drained) return { kind: 'drain' };
      return { kind: model.made ? 'delete-model' : 'forget' };
    case 'no':
      // The annotation was removed by a user: the way back is the same.
      if (state.slices > 0 || model.replicasBefore !== undefined) return backToOld(state, model, found);
      return { kind: model.made ? 'delete-model' : 'done' };
  }
}

/** Nothing is removed before the pods of the InferenceService answer again. */
function backToOld({ name, old }: MoveState, model: ModelState, found: Found): Step {
  const { deployment } = old;
  if (!old.exists || deployment === undefined)
    return refuse(
      'NoInferenceService',
      `there are no pods of InferenceService ${name} to go back to: create it again first`,
    );
  const before = model.replicasBefore ?? 0;
  if (deployment.replicas === 0 && before > 0) return { kind: 'scale', replicas: before };
  const wanted = Math.max(1, Math.min(before, deployment.replicas));
  if (deployment.ready < wanted) return wait(`its own pods to be ready (${deployment.ready} of ${wanted})`);
  // Pods that have just started are ready before its Service routes to them.
  return before > 0 && !found.settled ? { kind: 'settle' } : { kind: 'release' };
}

function refuseMultiModel(name: string): Step {
  return refuse(
    'MultiModel',
    `InferenceService ${name} is multi-model itself, so no TrainedModel can replace it`,
  );
}

function wait(forWhat: string): Step {
  return { kind: 'wait', forWhat };
}

function refuse(code: RefusalCode, message: string): Step {
  return { kind: 'refuse', code, message };
}
