import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ConfiguredModel {
  readonly modelName: string;
  readonly modelSpec: { readonly storageUri: string; readonly framework: string; readonly memory: string };
}

/** A directory that changes as kubelet changes the volume of a ConfigMap: a new directory, then one swap of `..data`. */
export interface MountedConfig {
  readonly directory: string;
  /** Any text as models.json. */
  write(text: string): Promise<void>;
  writeModels(models: readonly ConfiguredModel[]): Promise<void>;
}

/** Mounts nothing yet: `directory` is empty until the first write. */
export async function mountConfig(directory: string): Promise<MountedConfig> {
  await mkdir(directory, { recursive: true });
  let old: string | undefined;
  const write = async (text: string) => {
    const fresh = await mkdtemp(join(directory, '..2026_'));
    await writeFile(join(fresh, 'models.json'), text);
    const link = join(directory, '..data_tmp');
    await symlink(fresh.slice(directory.length + 1), link);
    await rename(link, join(directory, '..data'));
    if (old === undefined) await symlink('..data/models.json', join(directory, 'models.json'));
    else await rm(old, { recursive: true });
    old = fresh;
  };
  return { directory, write, writeModels: (models) => write(JSON.stringify(models)) };
}

/** An entry of models.json. */
export function configured(modelName: string, storageUri: string, framework = 'sklearn'): ConfiguredModel {
  return { modelName, modelSpec: { storageUri, framework, memory: '64Mi' } };
}
