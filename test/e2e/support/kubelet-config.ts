/**
 * https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/. The periods of watching and syncing are the
 * defaults, because the tests measure an ordinary cluster.
 */
export function kubeletConfig(places: {
  readonly containerdSocket: string;
  readonly cgroup: string;
  readonly podLogs: string;
}): string {
  return JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${places.containerdSocket}`,
    // Only this network namespace can reach it.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: places.cgroup,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    podLogsDir: places.podLogs,
    resolvConf: '',
    oomScoreAdj: 0,
    // A nearly full disk of a developer must not evict pods.
    evictionHard: { 'memory.available': '50Mi' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  });
}
