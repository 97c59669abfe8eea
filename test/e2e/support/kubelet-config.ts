/**
 * https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/. Periods of watching and syncing are left as
 * they are: the tests measure with a cluster's ordinary settings.
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
    // Nobody but this network namespace reaches it.
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
    // A developer's disk that is nearly full is no reason to refuse a pod.
    evictionHard: { 'memory.available': '50Mi' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  });
}
