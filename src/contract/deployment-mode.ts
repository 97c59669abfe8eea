import { recordOf } from '../lib/json.ts';
import type { InferenceService } from './inference-service.ts';
import { DEPLOYMENT_MODE_ANNOTATION } from './names.ts';

/** What deploys the pods of an InferenceService: `Standard`, `Knative`, or another; empty if it is not set. */
export function deploymentModeOf(service: InferenceService, byDefault: string | undefined): string {
  const { deploymentMode } = recordOf(service.status);
  const said = typeof deploymentMode === 'string' && deploymentMode !== '' ? deploymentMode : undefined;
  return modeOf(service.metadata.annotations?.[DEPLOYMENT_MODE_ANNOTATION] ?? said ?? byDefault);
}

/** KServe's earlier names of two modes mean the same as the later ones. */
function modeOf(name: string | undefined): string {
  if (name === 'RawDeployment') return 'Standard';
  return name === 'Serverless' ? 'Knative' : (name ?? '');
}

/** `deploy.defaultDeploymentMode` of KServe's configuration. */
export function defaultModeIn(data: Readonly<Record<string, string>> | undefined): string | undefined {
  try {
    const mode = recordOf(JSON.parse(data?.['deploy'] ?? '{}'))['defaultDeploymentMode'];
    return typeof mode === 'string' ? mode : undefined;
  } catch {
    // Another program's text; malformed means not set.
    return undefined;
  }
}
