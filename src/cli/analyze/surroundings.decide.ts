import { decideInjection } from '../../contract/agent-injection.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import { isRecord, textMapIn } from '../../lib/json.ts';
import { decodeModelConfig } from '../../contract/model-config.ts';
import {
  INFERENCE_SERVICE_LABEL,
  MODELS_JSON,
  modelConfigName,
  SYSTEM_CONFIG,
} from '../../contract/names.ts';
import { isPod } from '../../contract/pod.ts';
import type { Pod } from '../../contract/pod.ts';
import { DEFAULT_SYSTEM_CONFIG, readSystemConfig } from '../../contract/system-config.ts';
import type { AnalyzedObject, FieldPath, Finding, Named } from './finding.decide.ts';
import { mayShareNamespace } from './finding.decide.ts';

/** Kinds whose spec holds a template of pods. */
const WITH_TEMPLATE = new Set(['Deployment', 'ReplicaSet', 'StatefulSet']);

/** What the webhook would say of a pod, or of the pods of a Deployment, if it belongs to an InferenceService of the files. */
export function podFindings<T extends AnalyzedObject>(
  { subject, namespace }: Named<T, unknown>,
  services: readonly Named<T, InferenceService>[],
): Finding<T>[] {
  const found = podIn(subject);
  if (found === undefined) return [];
  const wanted = found.pod.metadata.labels?.[INFERENCE_SERVICE_LABEL];
  const service = services.find(
    ({ name, namespace: its }) => name === wanted && mayShareNamespace(namespace, its),
  );
  if (service === undefined) return [];
  const decision = decideInjection({
    pod: found.pod,
    inferenceService: service.object,
    system: DEFAULT_SYSTEM_CONFIG,
    credentials: [],
  });
  const path = [...found.path, 'spec'];
  if (decision.outcome === 'refuse') return [{ code: 'MMS401', subject, path, message: decision.message }];
  return decision.warnings.map((message) => ({ code: 'MMS402', subject, path, message }));
}

function podIn({
  kind,
  object,
}: AnalyzedObject): { readonly pod: Pod; readonly path: FieldPath } | undefined {
  if (kind === 'Pod') return isPod(object) ? { pod: object, path: [] } : undefined;
  const spec = object['spec'];
  const template = isRecord(spec) ? spec['template'] : undefined;
  return WITH_TEMPLATE.has(kind) && isPod(template)
    ? { pod: template, path: ['spec', 'template'] }
    : undefined;
}

/** KServe's system configuration, and ConfigMaps that the manager writes itself. */
export function configMapFindings<T extends AnalyzedObject>(
  { subject, name, namespace }: Named<T, unknown>,
  services: readonly Named<T, InferenceService>[],
): Finding<T>[] {
  const data = textMapIn(subject.object['data']);
  if (name === SYSTEM_CONFIG.name) {
    return readSystemConfig(data, undefined).faults.map(({ key, message }) => ({
      ...{ code: 'MMS403', subject, path: ['data', ...key.split('.').slice(0, 1)] },
      message: `${key} ${message}`,
    }));
  }
  const models = data[MODELS_JSON];
  const isOurs = services.some(
    (one) => modelConfigName(one.name, 0) === name && mayShareNamespace(namespace, one.namespace),
  );
  if (models === undefined || !isOurs) return [];
  const [fault] = decodeModelConfig(models).faults;
  const wrong = fault === undefined ? '' : `; besides, ${MODELS_JSON} ${fault.path} ${fault.message}`;
  const message = `the manager writes ${name}, and what the files say is overwritten${wrong}`;
  return [{ code: 'MMS404', subject, path: ['data', MODELS_JSON], message }];
}
