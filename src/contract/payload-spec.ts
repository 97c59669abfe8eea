import { isRecord, textMapIn } from '../lib/json.ts';
import type { Predictor } from './inference-service.ts';
import { PAYLOAD_ANNOTATIONS } from './names.ts';

/** The store of a logger's objects, and the account whose credentials open it (KServe's `LoggerStorageSpec`). */
interface LoggerStore {
  readonly path: string;
  /** Empty for the agent's default. */
  readonly format: string;
  /** Empty for KServe's `logger-sa`. */
  readonly serviceAccountName: string;
}

/** Settings of a logger, from an InferenceService or from `inferenceservice-config`. */
export interface LoggerStorage {
  readonly store: LoggerStore | undefined;
  /** Empty when the agent makes the objects. */
  readonly marshallerUrl: string;
  readonly batchSize: number;
  readonly batchInterval: string;
}

const MODES: ReadonlySet<string> = new Set(['all', 'request', 'response']);

/** A value of a logger or batcher that prevents an agent from starting. */
interface PayloadFault {
  readonly path: readonly string[];
  /** What the value must be; printed after the path. */
  readonly message: string;
}

/**
 * The annotations that KServe's controller writes on the pods of a predictor with a logger or a batcher, and the faults
 * in its settings.
 */
interface PayloadAnnotations {
  readonly annotations: Readonly<Record<string, string>>;
  readonly faults: readonly PayloadFault[];
}

/** The annotations of KServe's `addLoggerAnnotations` and `addBatcherAnnotations`; none without a logger and a batcher. */
export function payloadAnnotations(predictor: Predictor): PayloadAnnotations {
  const { logger, batcher } = predictor;
  const faults: PayloadFault[] = [];
  return {
    annotations: {
      ...(isRecord(logger) ? loggerAnnotations(logger, faults) : {}),
      ...(isRecord(batcher) ? batcherAnnotations(batcher, faults) : {}),
    },
    faults,
  };
}

function loggerAnnotations(
  logger: Readonly<Record<string, unknown>>,
  faults: PayloadFault[],
): Record<string, string> {
  const { url, metadataHeaders, metadataAnnotations } = logger;
  // KServe documents "all" as the default, but refuses a logger without a mode.
  const mode = logger['mode'] == null ? 'all' : textOf(logger['mode']);
  if (!MODES.has(mode)) faults.push(faultOf('logger', 'mode', 'must be all, request or response'));
  return {
    [PAYLOAD_ANNOTATIONS.logger]: 'true',
    ...(typeof url === 'string' ? { [PAYLOAD_ANNOTATIONS.loggerSinkUrl]: url } : {}),
    [PAYLOAD_ANNOTATIONS.loggerMode]: mode,
    ...listed(PAYLOAD_ANNOTATIONS.loggerMetadataHeaders, metadataHeaders),
    ...listed(PAYLOAD_ANNOTATIONS.loggerMetadataAnnotations, metadataAnnotations),
  };
}

function listed(annotation: string, list: unknown): Record<string, string> {
  const texts = Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : [];
  // KServe's API types omit an empty list, so it never arrives.
  return texts.length === 0 ? {} : { [annotation]: texts.join(',') };
}

function batcherAnnotations(
  batcher: Readonly<Record<string, unknown>>,
  faults: PayloadFault[],
): Record<string, string> {
  const number = (field: string, annotation: string): Record<string, string> => {
    const value = batcher[field];
    if (value == null) return {};
    // Neither KServe's agent nor ours starts with any other value.
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1)
      return { [annotation]: String(value) };
    faults.push(faultOf('batcher', field, 'must be a whole number, 1 or more'));
    return {};
  };
  return {
    [PAYLOAD_ANNOTATIONS.batcher]: 'true',
    ...number('maxBatchSize', PAYLOAD_ANNOTATIONS.batcherMaxBatchSize),
    ...number('maxLatency', PAYLOAD_ANNOTATIONS.batcherMaxLatency),
  };
}

function faultOf(part: 'logger' | 'batcher', field: string, message: string): PayloadFault {
  return { path: ['spec', 'predictor', part, field], message };
}

/**
 * Reads the fields that KServe's `LoggerSpec` and its configuration's `logger` share. A value of another type counts as
 * absent.
 */
export function loggerStorage(fields: Readonly<Record<string, unknown>>): LoggerStorage {
  const { storage, marshallerUrl, batchSize, batchInterval } = fields;
  return {
    store: isRecord(storage) ? loggerStore(storage) : undefined,
    marshallerUrl: textOf(marshallerUrl),
    batchSize: typeof batchSize === 'number' && Number.isSafeInteger(batchSize) ? batchSize : 0,
    batchInterval: textOf(batchInterval),
  };
}

function loggerStore({
  path,
  parameters,
  serviceAccountName,
}: Readonly<Record<string, unknown>>): LoggerStore {
  return {
    path: textOf(path),
    format: textMapIn(parameters)['format'] ?? '',
    serviceAccountName: textOf(serviceAccountName),
  };
}

/**
 * The effective settings of a logger. If the InferenceService has a logger, the store is its store or none; other unset
 * fields come from the configuration (KServe's `getLoggerConfigs`).
 */
export function effectiveStorage(predictor: Predictor | undefined, configured: LoggerStorage): LoggerStorage {
  const logger = isRecord(predictor) ? predictor['logger'] : undefined;
  if (!isRecord(logger)) return configured;
  const own = loggerStorage(logger);
  const isSet = (field: string): boolean => logger[field] != null;
  return {
    store: own.store,
    marshallerUrl: isSet('marshallerUrl') ? own.marshallerUrl : configured.marshallerUrl,
    batchSize: isSet('batchSize') ? own.batchSize : configured.batchSize,
    batchInterval: isSet('batchInterval') ? own.batchInterval : configured.batchInterval,
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
