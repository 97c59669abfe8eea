/** Everything a node is made of, found, built or installed before its namespaces are entered; they have no network. */
export interface NodeAssets {
  readonly cniPlugins: string;
  /** The directory of kubelet and its like. */
  readonly nodePrograms: string;
  readonly kubectl: string;
  /** OCI archives to load into containerd. */
  readonly images: readonly string[];
  /** The cgroup that its pods are under. */
  readonly cgroup: string;
}
