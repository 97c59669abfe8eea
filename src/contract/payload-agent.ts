import type { InferenceService } from './inference-service.ts';
import {
  COMPONENT_LABEL,
  DEFAULT_LOGGER_ACCOUNT,
  ENDPOINT_LABEL,
  INFERENCE_SERVICE_LABEL,
  LOGGER_CA_DIRECTORY,
  PAYLOAD_ANNOTATIONS,
  VOLUMES,
} from './names.ts';
import { effectiveStorage } from './payload-spec.ts';
import type { LoggerStorage } from './payload-spec.ts';
import type { Pod, Volume, VolumeMount } from './pod.ts';
import type { LoggerSettings } from './system-config.ts';

/**
 * The agent's arguments for the logger and the batcher of a pod, from the pod's annotations as KServe's webhook reads
 * them.
 */
export interface PayloadParts {
  readonly args: readonly string[];
  readonly volumes: readonly Volume[];
  readonly volumeMounts: readonly VolumeMount[];
}

interface PayloadInput {
  readonly pod: Pod;
  readonly inferenceService: InferenceService | undefined;
  /** `inferenceservice-config`'s. */
  readonly settings: LoggerSettings;
}

/** Empty for a pod with neither. */
export function payloadParts(input: PayloadInput): PayloadParts {
  const { pod, settings } = input;
  if (!hasLogger(pod)) return { args: batcherArgs(pod), volumes: [], volumeMounts: [] };
  const args = [...batcherArgs(pod), ...loggerArgs(input)];
  const { caBundle } = settings;
  if (caBundle === '') return { args, volumes: [], volumeMounts: [] };
  const name = VOLUMES.loggerCa;
  return {
    args,
    // The pod also starts without the ConfigMap.
    volumes: [{ name, configMap: { name: caBundle, optional: true } }],
    volumeMounts: [{ name, mountPath: LOGGER_CA_DIRECTORY, readOnly: true }],
  };
}

/** The service account whose Secrets open the store of a pod's logger; undefined without a store. */
export function loggerAccountOf({ pod, inferenceService, settings }: PayloadInput): string | undefined {
  if (!hasLogger(pod)) return undefined;
  const { store } = effectiveStorage(inferenceService?.spec?.predictor, settings);
  if (store === undefined) return undefined;
  return store.serviceAccountName === '' ? DEFAULT_LOGGER_ACCOUNT : store.serviceAccountName;
}

/** In KServe the annotation alone counts, whatever its value. */
function hasLogger(pod: Pod): boolean {
  return annotation(pod, PAYLOAD_ANNOTATIONS.logger) !== undefined;
}

function batcherArgs(pod: Pod): string[] {
  if (annotation(pod, PAYLOAD_ANNOTATIONS.batcher) === undefined) return [];
  return [
    '--enable-batcher',
    ...flag('--max-batchsize', annotation(pod, PAYLOAD_ANNOTATIONS.batcherMaxBatchSize)),
    ...flag('--max-latency', annotation(pod, PAYLOAD_ANNOTATIONS.batcherMaxLatency)),
  ];
}

function loggerArgs({ pod, inferenceService, settings }: PayloadInput): string[] {
  const { name, namespace, labels = {} } = pod.metadata;
  const headers = annotation(pod, PAYLOAD_ANNOTATIONS.loggerMetadataHeaders);
  const { caCertFile, tlsSkipVerify, defaultUrl } = settings;
  return [
    ...['--log-url', annotation(pod, PAYLOAD_ANNOTATIONS.loggerSinkUrl) ?? defaultUrl],
    ...['--source-uri', name ?? ''],
    ...['--log-mode', annotation(pod, PAYLOAD_ANNOTATIONS.loggerMode) ?? 'all'],
    ...['--inference-service', labels[INFERENCE_SERVICE_LABEL] ?? ''],
    // A new pod may leave its namespace to the request.
    ...['--namespace', inferenceService?.metadata.namespace ?? namespace ?? ''],
    ...['--endpoint', labels[ENDPOINT_LABEL] ?? ''],
    ...['--component', labels[COMPONENT_LABEL] ?? ''],
    ...storageArgs(effectiveStorage(inferenceService?.spec?.predictor, settings)),
    ...flag('--metadata-headers', headers),
    ...flag('--metadata-annotations', metadataAnnotations(pod)),
    ...flag('--logger-ca-cert-file', caCertFile === '' ? undefined : caCertFile),
    ...['--logger-tls-skip-verify', String(tlsSkipVerify)],
  ];
}

function storageArgs({ store, marshallerUrl, batchSize, batchInterval }: LoggerStorage): string[] {
  const given = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
  return [
    ...flag('--log-store-path', given(store?.path)),
    ...flag('--log-store-format', given(store?.format)),
    ...flag('--log-marshaller-url', given(marshallerUrl)),
    ...flag('--log-batch-size', batchSize > 0 ? String(batchSize) : undefined),
    ...flag('--log-batch-interval', given(batchInterval)),
  ];
}

/**
 * The annotations of the pod that its logger names, as a list in the format of the agent's flag. Missing ones are left
 * out.
 */
function metadataAnnotations(pod: Pod): string | undefined {
  const named = loggedAnnotations(pod);
  return named?.map(([key, value]) => listEntry(`${key}=${value}`)).join(',');
}

/** The annotations that go into events, repeated as often as they are named; undefined when none are requested. */
export function loggedAnnotations(pod: Pod): (readonly [string, string])[] | undefined {
  const keys = annotation(pod, PAYLOAD_ANNOTATIONS.loggerMetadataAnnotations)?.split(',');
  return keys?.flatMap((key) => {
    const value = annotation(pod, key);
    return value === undefined ? [] : [[key, value] as const];
  });
}

/**
 * The flag is a line of CSV (Go's pflag, StringSlice). KServe's webhook does not quote values, and its agent fails to
 * start with one that has a comma.
 */
function listEntry(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function annotation({ metadata }: Pod, key: string): string | undefined {
  // A client may send null instead of an empty map.
  const annotations = metadata.annotations ?? {};
  return Object.hasOwn(annotations, key) ? annotations[key] : undefined;
}

function flag(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}
