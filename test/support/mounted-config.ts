import { mountConfigMap } from '../../src/development/demo/config-map-mount.ts';

export interface ConfiguredModel {
  readonly modelName: string;
  readonly modelSpec: { readonly storageUri: string; readonly framework: string; readonly memory: string };
}

/**
 * A directory that changes like the volume of a ConfigMap under kubelet: a new directory, then one swap of `..data`.
 */
export interface MountedConfig {
  readonly directory: string;
  /** Any text as models.json. */
  write(text: string): Promise<void>;
  /** All files by name. */
  writeFiles(files: Readonly<Record<string, string>>): Promise<void>;
  writeModels(models: readonly ConfiguredModel[]): Promise<void>;
}

/** Mounts nothing yet: `directory` is empty until the first write. */
export async function mountConfig(directory: string): Promise<MountedConfig> {
  const mount = await mountConfigMap(directory);
  const write = (text: string): Promise<void> => mount.update({ 'models.json': text });
  return {
    ...{ directory, write, writeFiles: mount.update },
    writeModels: (models) => write(JSON.stringify(models)),
  };
}

/** An entry of models.json. */
export function configured(modelName: string, storageUri: string, framework = 'sklearn'): ConfiguredModel {
  return { modelName, modelSpec: { storageUri, framework, memory: '64Mi' } };
}
