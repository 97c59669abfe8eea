import { decodeModelConfig, type ModelConfigFault, type ModelSpec } from '../../contract/model-config.ts';

/** The models a pod should serve, by name. A Map because names come from users. */
export type ModelSet = ReadonlyMap<string, ModelSpec>;

type DesiredModels =
  | { readonly kind: 'good'; readonly models: ModelSet }
  /** A faulty text is ignored as a whole: half of it could mean unloading the other half. */
  | { readonly kind: 'faulty'; readonly faults: readonly ModelConfigFault[] };

/**
 * A model's name becomes a directory and a part of a URL. KServe's webhook admits `^[a-zA-Z0-9_-]+$`. A dot inside is
 * allowed, since Kubernetes names may hold one, but not in front: hidden directories belong to the agent.
 */
const MODEL_NAME = /^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,252}$/;

/** Whether a name can safely be a directory below the model directory. */
export function isModelName(name: string): boolean {
  return MODEL_NAME.test(name);
}

/** Parses models.json into the set to serve, or returns every fault with its place. */
export function readDesiredModels(text: string): DesiredModels {
  const { models, faults } = decodeModelConfig(text);
  const refused = models
    .filter(({ modelName }) => !isModelName(modelName))
    .map(({ modelName }) => ({
      path: `model ${JSON.stringify(modelName)}`,
      message: 'has a name that cannot be a directory; use letters, digits, "-", "_" and inner dots',
    }));
  if (faults.length + refused.length > 0) return { kind: 'faulty', faults: [...faults, ...refused] };
  return { kind: 'good', models: new Map(models.map((entry) => [entry.modelName, entry.modelSpec])) };
}

/** One line for people: every fault with its place. */
export function describeFaults(faults: readonly ModelConfigFault[]): string {
  return faults.map(({ path, message }) => (path === '' ? message : `${path} ${message}`)).join('; ');
}
