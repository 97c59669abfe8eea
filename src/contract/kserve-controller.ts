import { seconds } from '../lib/clock.ts';
import type { Milliseconds } from '../lib/clock.ts';
import type { InferenceService } from './inference-service.ts';
import type { ObjectMeta } from './kubernetes.ts';
import { ALLOCATED_LABEL } from './trained-model.ts';
import type { TrainedModel } from './trained-model.ts';

/**
 * What KServe's controller leaves on the objects that it manages, and what this project does with it in takeover mode.
 * Source: KServe v0.17, cmd/manager, pkg/controller/v1alpha1/trainedmodel, pkg/controller/v1beta1/inferenceservice.
 */

/** Whether KServe's controllers run too (`beside`), or this project manages TrainedModels alone (`takeover`). */
export type KServeMode = 'beside' | 'takeover';

/**
 * The Lease that elects the KServe manager whose controllers run. Its webhooks answer without it. `LeaderLockName` in
 * cmd/manager; KServe's manifests enable leader election.
 */
export const KSERVE_LEASE = { namespace: 'kserve', name: 'kserve-controller-manager-leader-lock' } as const;
/**
 * The holder identity of all replicas of one installation. It contains a slash, so no pod of KServe can have this name.
 */
export function takeoverIdentity(namespace: string): string {
  return `${TAKEOVER_PREFIX}${namespace}`;
}

const TAKEOVER_PREFIX = 'kserve-mms/';

/** Whether the holder of the Lease is one of our managers, so that KServe's controllers do not run. */
export function isTakeoverIdentity(holder: string): boolean {
  return holder.startsWith(TAKEOVER_PREFIX);
}

/** KServe removes the model from models.json before it removes this finalizer. */
const TRAINED_MODEL_FINALIZER = 'trainedmodel.finalizer';
/** KServe deletes the TrainedModels of an InferenceService before it removes this finalizer. */
const INFERENCE_SERVICE_FINALIZER = 'inferenceservice.finalizers';
/** On a TrainedModel: the InferenceService it belongs to. */
const PARENT_LABEL = 'inferenceservice';

/** The state of KServe's Lease. */
type KServeLeaseState =
  | { readonly kind: 'free' | 'ours' }
  /** `duration`: the holder is considered dead after this time without a renewal. */
  | { readonly kind: 'held'; readonly holder: string; readonly duration: Milliseconds };

/** Reads the Lease's spec; undefined when there is no Lease. The spec does not show whether the holder is alive. */
export function kserveLeaseState(
  spec: { readonly holderIdentity?: string; readonly leaseDurationSeconds?: number } | undefined,
  isOurs: (holder: string) => boolean,
): KServeLeaseState {
  const holder = spec?.holderIdentity ?? '';
  if (holder === '') return { kind: 'free' };
  if (isOurs(holder)) return { kind: 'ours' };
  return { kind: 'held', holder, duration: seconds(spec?.leaseDurationSeconds ?? 0) };
}

/** A JSON merge patch of an object's metadata. It fails when the object has changed in the meantime. */
interface MetadataPatch {
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly finalizers?: readonly string[];
    /** Null removes a label. */
    readonly labels?: Readonly<Record<string, string | null>>;
  };
}

/** One object to change, and how. */
export interface TakeoverStep {
  readonly kind: 'InferenceService' | 'TrainedModel';
  readonly name: string;
  readonly patch: MetadataPatch;
}

export interface TakeoverInput {
  /** Undefined when it does not exist. */
  readonly inferenceService: InferenceService | undefined;
  /** The models that name it. */
  readonly trainedModels: readonly TrainedModel[];
  /** The models in models.json now; undefined when no decision was made and labels must not change. */
  readonly placed: ReadonlySet<string> | undefined;
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const LABEL_VALUE = /^(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/**
 * The metadata changes of one InferenceService and its TrainedModels that KServe's controller would make, the most
 * urgent first. Its finalizers would block deletions forever; its labels show which models have memory. Unlike KServe,
 * no TrainedModel is deleted with its InferenceService.
 */
export function takeoverSteps(input: TakeoverInput): TakeoverStep[] {
  const { inferenceService, trainedModels } = input;
  const models = [...trainedModels].sort((a, b) => Number(isDeleting(b)) - Number(isDeleting(a)));
  const steps = models.flatMap((model) => stepFor('TrainedModel', model.metadata, labelsOf(model, input)));
  // KServe's finalizer does no harm while the object lives, and KServe finds it again if it returns.
  if (inferenceService === undefined || !isDeleting(inferenceService)) return steps;
  return [...stepFor('InferenceService', inferenceService.metadata, {}), ...steps];
}

function labelsOf(
  model: TrainedModel,
  { inferenceService, placed }: TakeoverInput,
): Readonly<Record<string, string | null>> {
  const parent = inferenceService?.metadata.name;
  if (placed === undefined || parent === undefined || isDeleting(model) || !LABEL_VALUE.test(parent))
    return {};
  return { [PARENT_LABEL]: parent, [ALLOCATED_LABEL]: placed.has(model.metadata.name) ? parent : null };
}

function stepFor(
  kind: TakeoverStep['kind'],
  { name, resourceVersion, finalizers = [], labels = {} }: ObjectMeta,
  wanted: Readonly<Record<string, string | null>>,
): TakeoverStep[] {
  const own = kind === 'TrainedModel' ? TRAINED_MODEL_FINALIZER : INFERENCE_SERVICE_FINALIZER;
  const kept = finalizers.filter((finalizer) => finalizer !== own);
  const changed = Object.entries(wanted).filter(([key, value]) => (labels[key] ?? null) !== value);
  if (kept.length === finalizers.length && changed.length === 0) return [];
  const metadata = {
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(kept.length === finalizers.length ? {} : { finalizers: kept }),
    ...(changed.length === 0 ? {} : { labels: Object.fromEntries(changed) }),
  };
  return [{ kind, name, patch: { metadata } }];
}

function isDeleting({ metadata }: { readonly metadata: ObjectMeta }): boolean {
  return metadata.deletionTimestamp !== undefined;
}
