import type { InferenceService, Predictor } from '../../contract/inference-service.ts';
import { implementationOf } from '../../contract/inference-service.ts';
import { payloadAnnotations } from '../../contract/payload-spec.ts';
import { isRecord } from '../../lib/json.ts';
import type { FieldPath, Finding, Named } from './finding.decide.ts';

const PREDICTOR: FieldPath = ['spec', 'predictor'];

/** What is wrong with the logger and the batcher of an InferenceService, multi-model or not. */
export function payloadFindings<T>({ subject, object }: Named<T, InferenceService>): Finding<T>[] {
  const predictor = object.spec?.predictor;
  if (!isRecord(predictor)) return [];
  const faults = payloadAnnotations(predictor).faults.map(({ path, message }) => ({
    ...{ code: 'MMS308' as const, subject, path, message: `${path.join('.')} ${message}` },
  }));
  return [...faults, ...sinkFindings(predictor, subject), ...batcherFindings(predictor, subject)];
}

function sinkFindings<T>({ logger }: Predictor, subject: T): Finding<T>[] {
  if (!isRecord(logger) || (typeof logger['url'] === 'string' && logger['url'] !== '')) return [];
  const message =
    'the logger names no url: events go to defaultUrl of "logger" in inferenceservice-config, and nowhere where that has none';
  return [{ code: 'MMS309', subject, path: [...PREDICTOR, 'logger'], message }];
}

/** KServe's batcher, and so the agent's, joins `instances` of requests to `:predict`, which only V1 has. */
function batcherFindings<T>(predictor: Predictor, subject: T): Finding<T>[] {
  if (!isRecord(predictor['batcher'])) return [];
  const protocol: unknown = implementationOf(predictor)?.implementation['protocolVersion'];
  if (typeof protocol !== 'string' || !/v2$/.test(protocol)) return [];
  const message = `the predictor speaks ${protocol}, and only V1 requests (:predict) are batched`;
  return [{ code: 'MMS310', subject, path: [...PREDICTOR, 'batcher'], message }];
}
