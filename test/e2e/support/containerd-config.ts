import { PAUSE_IMAGE } from './images.ts';
import { POD_RANGE } from './addresses.ts';

export interface ContainerdPlaces {
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly cniPlugins: string;
  readonly cniConfig: string;
}

/** https://github.com/containerd/containerd/blob/release/1.6/docs/cri/config.md */
export function containerdConfig({ root, state, socket, cniPlugins, cniConfig }: ContainerdPlaces): string {
  return `version = 2
root = "${root}"
state = "${state}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]

[grpc]
  address = "${socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Where this process may not lower a score, no sandbox starts without it.
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniPlugins}"
    conf_dir = "${cniConfig}"
`;
}

/**
 * Every pod has its own veth to the node, which routes. There is no bridge, so all traffic passes kube-proxy's rules.
 */
export function cniNetwork(): string {
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: 'kserve-mms-e2e',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: POD_RANGE }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  });
}
