/**
 * Everything a node consists of. It is found, built or installed before the node's namespaces are entered, because
 * they have no network.
 */
export interface NodeAssets {
  readonly cniPlugins: string;
  /** The directory of kubelet and the other node programs. */
  readonly nodePrograms: string;
  readonly kubectl: string;
  /** OCI archives to load into containerd. */
  readonly images: readonly string[];
  /** The parent cgroup of its pods. */
  readonly cgroup: string;
}
