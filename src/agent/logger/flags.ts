/** The request logger's part of the agent's command line, as text. KServe v0.17's names: cmd/agent/main.go. */
export interface LoggerFlags {
  readonly logUrl: string;
  readonly workers: string;
  readonly sourceUri: string;
  readonly logMode: string;
  readonly logStorePath: string;
  readonly logStoreFormat: string;
  readonly logMarshallerUrl: string;
  readonly logMarshallerPort: string;
  readonly logBatchSize: string;
  readonly logBatchInterval: string;
  readonly inferenceService: string;
  readonly namespace: string;
  readonly endpoint: string;
  readonly component: string;
  readonly metadataHeaders: readonly string[];
  readonly metadataAnnotations: readonly string[];
  readonly loggerCaCertFile: string;
  readonly loggerTlsSkipVerify: boolean;
  /** These are ours. */
  readonly logQueueEvents: string;
  readonly logQueueBytes: string;
  readonly logMaxBodyBytes: string;
  readonly logAllStatuses: boolean;
}

/** KServe's defaults, and ours for flags that KServe does not have. */
export const LOGGER_FLAG_DEFAULTS = {
  logUrl: '',
  workers: '5',
  sourceUri: '',
  logMode: 'all',
  logStorePath: '',
  logStoreFormat: 'json',
  logMarshallerUrl: 'http://localhost:9083/marshal',
  logMarshallerPort: '9083',
  logBatchSize: '1',
  logBatchInterval: '0s',
  inferenceService: '',
  namespace: '',
  endpoint: '',
  component: '',
  metadataHeaders: [],
  metadataAnnotations: [],
  loggerCaCertFile: 'service-ca.crt',
  loggerTlsSkipVerify: false,
  logQueueEvents: '10000',
  logQueueBytes: String(16 * 1024 ** 2),
  logMaxBodyBytes: String(1024 ** 2),
  logAllStatuses: false,
} as const satisfies LoggerFlags;
