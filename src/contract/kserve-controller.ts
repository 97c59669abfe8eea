import { seconds } from '../lib/clock.ts';
import type { Milliseconds } from '../lib/clock.ts';
import type { InferenceService } from './inference-service.ts';
import type { ObjectMeta } from './kubernetes.ts';
import { ALLOCATED_LABEL } from './trained-model.ts';
import type { TrainedModel } from './trained-model.ts';

/**
 * What KServe's own controller leaves on the objects it looks after, and what becomes of it where this project does its
 * work. Source: KServe v0.17, cmd/manager, pkg/controller/v1alpha1/trainedmodel, pkg/controller/v1beta1/inferenceservice.
 */

/** Whether KServe's controllers may run too, or this project does their work on TrainedModels. */
export type KServeMode = 'beside' | 'takeover';

/**
 * The Lease that lets one of KServe's managers run its controllers; its webhooks answer without it. `LeaderLockName` in
 * cmd/manager; KServe's manifests switch leader election on.
 */
export const KSERVE_LEASE = { namespace: 'kserve', name: 'kserve-controller-manager-leader-lock' } as const;
/** Under which all replicas of one installation hold that Lease. No pod of KServe can be called so: it has a slash. */
export function takeoverIdentity(namespace: string): string {
  return `${TAKEOVER_PREFIX}${namespace}`;
}

const TAKEOVER_PREFIX = 'kserve-mms/';

/** Whether a holder of the Lease is a manager of ours, so that KServe's controllers do not run. */
export function isTakeoverIdentity(holder: string): boolean {
  return holder.startsWith(TAKEOVER_PREFIX);
}

/** KServe takes the model out of models.json before it lets go of it. */
const TRAINED_MODEL_FINALIZER = 'trainedmodel.finalizer';
/** KServe deletes the TrainedModels of an InferenceService before it lets go of it. */
const INFERENCE_SERVICE_FINALIZER = 'inferenceservice.finalizers';
/** On a TrainedModel: the InferenceService it belongs to. */
const PARENT_LABEL = 'inferenceservice';

/** Who has KServe's Lease. */
type KServeLeaseState =
  | { readonly kind: 'free' | 'ours' }
  /** `duration`: without a renewal for so long, its holder has died. */
  | { readonly kind: 'held'; readonly holder: string; readonly duration: Milliseconds };

/** Reads the Lease's spec; undefined when there is no Lease. Whether its holder is alive does not stand in it. */
export function kserveLeaseState(
  spec: { readonly holderIdentity?: string; readonly leaseDurationSeconds?: number } | undefined,
  isOurs: (holder: string) => boolean,
): KServeLeaseState {
  const holder = spec?.holderIdentity ?? '';
  if (holder === '') return { kind: 'free' };
  if (isOurs(holder)) return { kind: 'ours' };
  return { kind: 'held', holder, duration: seconds(spec?.leaseDurationSeconds ?? 0) };
}

/** A JSON merge patch of an object's metadata, refused when the object has changed meanwhile. */
interface MetadataPatch {
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly finalizers?: readonly string[];
    /** Null takes a label away. */
    readonly labels?: Readonly<Record<string, string | null>>;
  };
}

/** One object that has to change, and how. */
export interface TakeoverStep {
  readonly kind: 'InferenceService' | 'TrainedModel';
  readonly name: string;
  readonly patch: MetadataPatch;
}

export interface TakeoverInput {
  /** Undefined when there is none of that name. */
  readonly inferenceService: InferenceService | undefined;
  /** The models that name it. */
  readonly trainedModels: readonly TrainedModel[];
  /** Those in models.json now; undefined when nothing was decided, and labels are to stay as they are. */
  readonly placed: ReadonlySet<string> | undefined;
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const LABEL_VALUE = /^(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/**
 * What has to be done in KServe's place to the metadata of one InferenceService and its TrainedModels, the most urgent
 * first: its finalizers would keep objects that are being deleted for ever; its labels say which models have memory.
 * No TrainedModel is deleted with its InferenceService, as KServe would.
 */
export function takeoverSteps(input: TakeoverInput): TakeoverStep[] {
  const { inferenceService, trainedModels } = input;
  const models = [...trainedModels].sort((a, b) => Number(isDeleting(b)) - Number(isDeleting(a)));
  const steps = models.flatMap((model) => stepFor('TrainedModel', model.metadata, labelsOf(model, input)));
  // While it lives KServe's finalizer does no harm, and KServe, should it come back, finds its own.
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
