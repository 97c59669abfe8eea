import { objectKey } from '../contract/kubernetes.ts';
import type { Logger } from '../lib/log.ts';
import { SYSTEM_CONFIG } from '../contract/names.ts';
import { readSystemConfig } from '../contract/system-config.ts';
import type { SystemConfig } from '../contract/system-config.ts';
import type { ClusterView } from '../kube/cluster-view.ts';

/** KServe's current system configuration, parsed again only when its ConfigMap has changed. */
export interface SystemConfigSource {
  readonly current: () => SystemConfig;
}

export function systemConfigSource(
  { systemConfig }: Pick<ClusterView, 'systemConfig'>,
  { agentImage, predictors }: { readonly agentImage: string | undefined; readonly predictors: boolean },
  logger: Logger,
): SystemConfigSource {
  let known: SystemConfig | undefined;
  systemConfig.subscribe(() => (known = undefined));

  function read(): SystemConfig {
    const configMap = systemConfig.cache.get(objectKey(SYSTEM_CONFIG.namespace, SYSTEM_CONFIG.name));
    const { config, faults } = readSystemConfig(configMap?.data, agentImage);
    for (const fault of faults) {
      logger.warn(
        { ...fault },
        `ConfigMap ${SYSTEM_CONFIG.namespace}/${SYSTEM_CONFIG.name} is not understood`,
      );
    }
    // Services of this manager lead to the agent.
    return predictors ? { ...config, kserveMode: undefined } : config;
  }

  return { current: () => (known ??= read()) };
}
