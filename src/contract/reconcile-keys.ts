import type { ConfigMap, ObjectKey } from './kubernetes.ts';
import { objectKey } from './kubernetes.ts';
import { RESIDENCY_ANNOTATIONS } from './names.ts';
import { ownerNameOf } from './model-config-map.ts';
import { inferenceServiceOf } from './trained-model.ts';
import type { TrainedModel } from './trained-model.ts';

/** `modelconfig-<inferenceService>-<shard>`, taken apart. */
const MODEL_CONFIG_NAME = /^modelconfig-(.+)-\d+$/;

/** The InferenceService a TrainedModel belongs to, as a reconcile key; undefined when it names none. */
export function keyOfTrainedModel(model: TrainedModel): ObjectKey | undefined {
  const name = inferenceServiceOf(model);
  return name === undefined ? undefined : objectKey(model.metadata.namespace ?? '', name);
}

/**
 * The InferenceServices a ConfigMap concerns: the one its name speaks of and the one that owns it. They differ only
 * after somebody's edit, and then both want a look.
 */
export function keysOfConfigMap(configMap: ConfigMap): readonly ObjectKey[] {
  const namespace = configMap.metadata.namespace ?? '';
  const names = [MODEL_CONFIG_NAME.exec(configMap.metadata.name)?.[1], ownerNameOf(configMap)];
  const known = names.filter((name): name is string => name !== undefined);
  return [...new Set(known)].map((name) => objectKey(namespace, name));
}

/**
 * Whether two versions of a TrainedModel differ in its status at most: in nothing that decides where it is placed. Labels,
 * finalizers and the annotation of residency are compared too, since a change of metadata leaves the generation as it is: KServe's controller puts its
 * finalizer back while it is being taken over from.
 */
export function differsInStatusOnly(a: TrainedModel, b: TrainedModel): boolean {
  const { residency } = RESIDENCY_ANNOTATIONS;
  const { uid, generation, deletionTimestamp, labels, finalizers } = a.metadata;
  return (
    generation !== undefined &&
    uid === b.metadata.uid &&
    generation === b.metadata.generation &&
    deletionTimestamp === b.metadata.deletionTimestamp &&
    JSON.stringify(labels) === JSON.stringify(b.metadata.labels) &&
    JSON.stringify(finalizers) === JSON.stringify(b.metadata.finalizers) &&
    a.metadata.annotations?.[residency] === b.metadata.annotations?.[residency]
  );
}
