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
  const linked = new Set<string>();
  return {
    directory,
    async update(data) {
      const fresh = await mkdtemp(join(directory, '..2026_'));
      for (const [name, text] of Object.entries(data)) await writeFile(join(fresh, name), text);
      const link = join(directory, '..data_tmp');
      await symlink(basename(fresh), link);
      await rename(link, join(directory, '..data'));
      for (const name of Object.keys(data)) {
        if (!linked.has(name)) await symlink(`..data/${name}`, join(directory, name));
        linked.add(name);
      }
      for (const name of linked) {
        if (Object.hasOwn(data, name)) continue;
        await rm(join(directory, name));
        linked.delete(name);
      }
      if (current !== undefined) await rm(current, { recursive: true });
      current = fresh;
    },
  };
}
