/** The image of manager and agent, as manifests/manager names it too. */
export const DEFAULT_AGENT_IMAGE = 'kserve-mms:0.1.0';
