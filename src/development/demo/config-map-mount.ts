import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A directory that changes as kubelet changes the volume of a ConfigMap. */
interface ConfigMapMount {
  readonly directory: string;
  /** Makes these the files of the volume, all of them in one moment. Calls must not overlap. */
  update(data: Readonly<Record<string, string>>): Promise<void>;
}

/**
 * Kubelet's own way: the files go into a new directory, `..data` becomes a link to it by one rename, and what a container
 * opens are links through `..data`. Source: k8s.io/kubernetes, pkg/volume/util/atomic_writer.go.
 */
export async function mountConfigMap(directory: string): Promise<ConfigMapMount> {
  await mkdir(directory, { recursive: true });
  let current: string | undefined;
  return {
    directory,
    async update(data) {
      const fresh = await mkdtemp(join(directory, '..2026_'));
      for (const [name, text] of Object.entries(data)) await writeFile(join(fresh, name), text);
      const link = join(directory, '..data_tmp');
      await symlink(basename(fresh), link);
      await rename(link, join(directory, '..data'));
      if (current === undefined) {
        for (const name of Object.keys(data)) await symlink(`..data/${name}`, join(directory, name));
      } else await rm(current, { recursive: true });
      current = fresh;
    },
  };
}
