import { MANAGER_SETTINGS } from './manager-settings.ts';

/** Where the manifests put the manager. */
export const DEFAULT_MANAGER_NAMESPACE = MANAGER_SETTINGS.namespace.otherwise;
