import type { ConfigMap, ObjectKey } from './kubernetes.ts';
import { objectKey } from './kubernetes.ts';
import { RESIDENCY_ANNOTATIONS } from './names.ts';
import { ownerNameOf } from './model-config-map.ts';
import { inferenceServiceOf } from './trained-model.ts';
import type { TrainedModel } from './trained-model.ts';

/** `modelconfig-<inferenceService>-<shard>`, taken apart. */
const MODEL_CONFIG_NAME = /^modelconfig-(.+)-\d+$/;

/** The InferenceService of a TrainedModel, as a reconcile key; undefined when it names none. */
export function keyOfTrainedModel(model: TrainedModel): ObjectKey | undefined {
  const name = inferenceServiceOf(model);
  return name === undefined ? undefined : objectKey(model.metadata.namespace ?? '', name);
}

/**
 * The InferenceServices that a ConfigMap concerns: the one in its name and its owner. They differ only after a manual
 * edit, and then both must be reconciled.
 */
export function keysOfConfigMap(configMap: ConfigMap): readonly ObjectKey[] {
  const namespace = configMap.metadata.namespace ?? '';
  const names = [MODEL_CONFIG_NAME.exec(configMap.metadata.name)?.[1], ownerNameOf(configMap)];
  const known = names.filter((name): name is string => name !== undefined);
  return [...new Set(known)].map((name) => objectKey(namespace, name));
}

/**
 * Whether two versions of a TrainedModel differ only in status, and so not in its placement. Labels, finalizers and the
 * residency annotation are compared too, since a change of metadata does not change the generation: during a takeover,
 * KServe's controller may add its finalizer again.
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
