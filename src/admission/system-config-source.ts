import { objectKey } from '../contract/kubernetes.ts';
import type { Logger } from '../lib/log.ts';
import { SYSTEM_CONFIG } from '../contract/names.ts';
import { readSystemConfig } from '../contract/system-config.ts';
import type { SystemConfig } from '../contract/system-config.ts';
import type { ClusterView } from '../kube/cluster-view.ts';

/** KServe's system configuration as it stands; read again only when its ConfigMap has changed. */
export interface SystemConfigSource {
  readonly current: (view: ClusterView) => SystemConfig;
  /** To be called with each change of the ConfigMap. */
  readonly changed: () => void;
}

export function systemConfigSource(agentImage: string | undefined, logger: Logger): SystemConfigSource {
  let known: SystemConfig | undefined;

  function read(view: ClusterView): SystemConfig {
    const configMap = view.systemConfig.cache.get(objectKey(SYSTEM_CONFIG.namespace, SYSTEM_CONFIG.name));
    const { config, faults } = readSystemConfig(configMap?.data, agentImage);
    for (const fault of faults) {
      logger.warn(
        { ...fault },
        `ConfigMap ${SYSTEM_CONFIG.namespace}/${SYSTEM_CONFIG.name} is not understood`,
      );
    }
    return config;
  }

  return {
    current: (view) => (known ??= read(view)),
    changed: () => (known = undefined),
  };
}
