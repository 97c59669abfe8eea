import { canonicalHeader, goDuration, goJson, goStringSlice } from './go-text.ts';
import { LOGGER_FLAG_DEFAULTS, type LoggerFlags } from './flags.ts';
import { type ObjectPlace, objectPlace } from './object-place.ts';
import type { Milliseconds } from '../../lib/clock.ts';

/** Where records are sent: plain data, which can be passed to a thread. */
export type LogSink =
  | {
      readonly kind: 'http';
      readonly url: string;
      /** A file's name in the directory in which KServe mounts CA bundles. */
      readonly caFile: string;
      readonly skipVerify: boolean;
    }
  | {
      readonly kind: 'objects';
      readonly place: ObjectPlace;
      readonly format: 'json' | 'csv' | 'parquet';
      /** The marshaller that makes objects of records. Undefined: this process. */
      readonly marshaller: string | undefined;
      readonly batchSize: number;
      /** How long an incomplete batch waits. 0: without limit. */
      readonly batchInterval: Milliseconds;
    };

/** What every record says of its origin. */
export interface LogOrigin {
  readonly sourceUri: string;
  readonly inferenceService: string;
  readonly namespace: string;
  readonly endpoint: string;
  readonly component: string;
  /** As given. */
  readonly logUrl: string;
  readonly certName: string;
  readonly tlsSkipVerify: boolean;
  readonly annotations: ReadonlyMap<string, string>;
}

/** The request logger's checked settings. */
export interface LoggerSettings {
  readonly sink: LogSink;
  readonly origin: LogOrigin;
  readonly requests: boolean;
  readonly responses: boolean;
  /** Log answers with any status. By default only those with 200, as in KServe. */
  readonly allStatuses: boolean;
  /** Headers to log, in Go's canonical form. */
  readonly headers: ReadonlySet<string>;
  readonly workers: number;
  readonly queueEvents: number;
  readonly queueBytes: number;
  readonly maxBodyBytes: number;
}

/** The result of parsing the logger's flags. */
interface LoggerReading {
  /** Undefined: nothing is logged. */
  readonly settings: LoggerSettings | undefined;
  /** Faults that prevent a start, each a line that says what to do. */
  readonly faults: readonly string[];
  /** Flags that do not do what they seem to, each a line for the log. */
  readonly remarks: readonly string[];
}

/** Parses the logger's flags. Only what KServe's agent refuses too is a fault: a pod must start with either. */
export function readLogger(flags: LoggerFlags, port: number): LoggerReading {
  if (flags.logUrl === '') return { settings: undefined, faults: [], remarks: [] };
  const faults: string[] = [];
  const remarks: string[] = [];
  const sink = readSink(flags, faults, remarks);
  const number = (flag: string, text: string, least: number, most: number): number =>
    wholeNumber(flag, text, least, most, faults);
  if (!['all', 'request', 'response'].includes(flags.logMode))
    faults.push(`--log-mode ${JSON.stringify(flags.logMode)} is none of all, request, response`);
  const shared = {
    origin: originOf(flags, port, faults),
    requests: flags.logMode !== 'response',
    responses: flags.logMode !== 'request',
    allStatuses: flags.logAllStatuses,
    headers: headersOf(flags, faults, remarks),
    workers: nearest('workers', flags.workers, [1, 1_000], { faults, remarks }),
    queueEvents: number('log-queue-events', flags.logQueueEvents, 1, 1_000_000),
    queueBytes: number('log-queue-bytes', flags.logQueueBytes, 1, 2 ** 31),
    maxBodyBytes: number('log-max-body-bytes', flags.logMaxBodyBytes, 0, 2 ** 30),
  };
  return { settings: sink === undefined ? undefined : { ...shared, sink }, faults, remarks };
}

function wholeNumber(flag: string, text: string, least: number, most: number, faults: string[]): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  faults.push(`--${flag} ${JSON.stringify(text)} is not a whole number from ${least} to ${most}`);
  return least;
}

/** KServe's agent starts with any number here, so this one uses the nearest number that it supports. */
function nearest(
  flag: string,
  text: string,
  [least, most]: readonly [least: number, most: number],
  { faults, remarks }: { readonly faults: string[]; readonly remarks: string[] },
): number {
  if (!/^[+-]?\d{1,18}$/.test(text)) {
    faults.push(`--${flag} ${JSON.stringify(text)} is not a whole number`);
    return least;
  }
  const value = Math.min(Math.max(Number(text), least), most);
  if (value !== Number(text)) remarks.push(`--${flag} ${text} is out of range; ${value} is used`);
  return value;
}

function readSink(flags: LoggerFlags, faults: string[], remarks: string[]): LogSink | undefined {
  const { logUrl } = flags;
  const url = URL.canParse(logUrl) ? new URL(logUrl) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') {
    remarks.push(...withoutStore(flags));
    return {
      kind: 'http',
      url: url.href,
      caFile: flags.loggerCaCertFile,
      skipVerify: flags.loggerTlsSkipVerify,
    };
  }
  const place = objectPlace(logUrl, flags.logStorePath);
  if (place === undefined) {
    remarks.push(
      `--log-url ${JSON.stringify(logUrl)} is not a valid log destination, so nothing is logged; ` +
        'give a URL of http, https, s3, gs or abfs',
    );
    return undefined;
  }
  const notes = { faults, remarks };
  // With 0 or less, KServe sends each record separately.
  const size = nearest('log-batch-size', flags.logBatchSize, [0, 1_000_000], notes);
  const interval = goDuration(flags.logBatchInterval);
  if (interval === undefined)
    faults.push(`--log-batch-interval ${JSON.stringify(flags.logBatchInterval)} is not a duration like 30s`);
  const { logStoreFormat: wanted } = flags;
  const format = wanted === 'csv' || wanted === 'parquet' ? wanted : 'json';
  if (format !== wanted)
    remarks.push(`--log-store-format ${JSON.stringify(wanted)} is none of json, csv, parquet; json is used`);
  return {
    kind: 'objects',
    place,
    format,
    marshaller: marshallerOf(flags, remarks),
    batchSize: Math.max(1, size),
    batchInterval: Math.max(0, interval ?? 0) as Milliseconds,
  };
}

/** Returns the flags that have no effect without an object store. */
function withoutStore(flags: LoggerFlags): string[] {
  const named = {
    logStorePath: 'log-store-path',
    logBatchSize: 'log-batch-size',
    logBatchInterval: 'log-batch-interval',
  } as const;
  return Object.entries(named).flatMap(([key, flag]) =>
    flags[key as keyof typeof named] === LOGGER_FLAG_DEFAULTS[key as keyof typeof named]
      ? []
      : [`--${flag} has no effect: --log-url is not an object store, so each event is sent separately`],
  );
}

function marshallerOf(flags: LoggerFlags, remarks: string[]): string | undefined {
  const { logMarshallerUrl: text, logMarshallerPort: port } = flags;
  if (port !== LOGGER_FLAG_DEFAULTS.logMarshallerPort)
    remarks.push('--log-marshaller-port has no effect: objects are made in this process, without a server');
  if (text === LOGGER_FLAG_DEFAULTS.logMarshallerUrl || text === `http://localhost:${port}/marshal`)
    return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href;
  remarks.push(
    `--log-marshaller-url ${JSON.stringify(text)} is not a URL like http://127.0.0.1:9083/marshal: objects are made in this process`,
  );
  return undefined;
}

function originOf(flags: LoggerFlags, port: number, faults: string[]): LogOrigin {
  const { inferenceService, namespace, endpoint, component, logUrl } = flags;
  return {
    // KServe's default, and the result of its webhook for a pod whose name the API server generates.
    sourceUri: flags.sourceUri === '' ? `http://localhost:${port}/` : flags.sourceUri,
    ...{ inferenceService, namespace, endpoint, component, logUrl },
    certName: flags.loggerCaCertFile,
    tlsSkipVerify: flags.loggerTlsSkipVerify,
    annotations: annotationsOf(flags, faults),
  };
}

function annotationsOf({ metadataAnnotations }: LoggerFlags, faults: string[]): Map<string, string> {
  const annotations = new Map<string, string>();
  for (const pair of goStringSlice(metadataAnnotations) ?? metadataAnnotations) {
    const at = pair.indexOf('=');
    if (at < 0) {
      faults.push(
        `--metadata-annotations ${JSON.stringify(pair)} is not key=value; ` +
          'a value with a comma cannot be passed on, so remove its key from metadataAnnotations of the logger',
      );
    } else annotations.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return annotations;
}

function headersOf({ metadataHeaders }: LoggerFlags, faults: string[], remarks: string[]): Set<string> {
  const names = goStringSlice(metadataHeaders);
  if (names === undefined)
    faults.push(`--metadata-headers ${goJson(metadataHeaders)} has a quote that does not end`);
  for (const name of names ?? []) {
    const canonical = canonicalHeader(name);
    if (canonical !== name)
      remarks.push(`--metadata-headers ${name} matches no header, as in KServe; write ${canonical}`);
  }
  return new Set(names ?? []);
}
