import { InvalidArgumentError, Option } from 'commander';
import { BATCHER_FLAG_DEFAULTS } from '../../agent/batcher/settings.ts';
import { LOGGER_FLAG_DEFAULTS } from '../../agent/logger/flags.ts';

const LOGGER = LOGGER_FLAG_DEFAULTS;

/** The flags of KServe's agent for its request logger, and ours beside them. */
export function loggerOptions(): Option[] {
  return [
    new Option('--log-url <url>', 'where requests and responses are logged to').default(LOGGER.logUrl),
    new Option('--log-mode <all|request|response>', 'what is logged').default(LOGGER.logMode),
    new Option('--workers <number>', 'events sent at once').default(LOGGER.workers),
    new Option('--source-uri <uri>', 'the source of the events').default(LOGGER.sourceUri),
    new Option('--inference-service <name>', 'named in the events').default(LOGGER.inferenceService),
    new Option('--namespace <name>', 'named in the events').default(LOGGER.namespace),
    new Option('--endpoint <name>', 'named in the events').default(LOGGER.endpoint),
    new Option('--component <name>', 'named in the events').default(LOGGER.component),
    listOption('--metadata-headers <names>', 'headers that go along in the events'),
    listOption('--metadata-annotations <key=value,...>', 'annotations that go along in the events'),
    new Option('--logger-ca-cert-file <name>', 'the CA bundle for the sink, in /etc/tls/logger').default(
      LOGGER.loggerCaCertFile,
    ),
    switchOption('--logger-tls-skip-verify', 'take any certificate of the sink'),
    new Option('--log-store-path <path>', 'where in an object store').default(LOGGER.logStorePath),
    new Option('--log-store-format <json|csv|parquet>', 'what objects hold').default(LOGGER.logStoreFormat),
    new Option('--log-marshaller-url <url>', 'who makes objects of records, when not the agent').default(
      LOGGER.logMarshallerUrl,
    ),
    new Option('--log-marshaller-port <port>', 'taken for the sake of KServe; has no effect').default(
      LOGGER.logMarshallerPort,
    ),
    new Option('--log-batch-size <number>', 'records in an object').default(LOGGER.logBatchSize),
    new Option('--log-batch-interval <duration>', 'how long an object waits for its records').default(
      LOGGER.logBatchInterval,
    ),
    new Option('--log-queue-events <number>', 'events that may wait; more are dropped').default(
      LOGGER.logQueueEvents,
    ),
    new Option('--log-queue-bytes <bytes>', 'bytes of bodies that may wait; more are dropped').default(
      LOGGER.logQueueBytes,
    ),
    new Option('--log-max-body-bytes <bytes>', 'a longer body is logged cut').default(LOGGER.logMaxBodyBytes),
    switchOption('--log-all-statuses', 'log responses with any status, not those with 200 alone'),
  ];
}

/** The flags of KServe's agent for its batcher. */
export function batcherOptions(): Option[] {
  return [
    switchOption('--enable-batcher', 'send requests to :predict in batches'),
    new Option('--max-batchsize <number>', 'instances that make a batch go off').default(
      BATCHER_FLAG_DEFAULTS.maxBatchsize,
    ),
    new Option('--max-latency <milliseconds>', 'how long a batch waits for more').default(
      BATCHER_FLAG_DEFAULTS.maxLatency,
    ),
  ];
}

/** A switch as KServe's webhook gives it: alone, or with true or false after it. */
export function switchOption(flag: string, description: string): Option {
  return new Option(`${flag} [true|false]`, description).preset('true').default(false).argParser(booleanOf);
}

/** A list as Go's pflag reads it: more than once, each a line of CSV. */
function listOption(flags: string, description: string): Option {
  return new Option(flags, description)
    .default([])
    .argParser((line: string, before: readonly string[]) => [...before, line]);
}

/** @throws InvalidArgumentError for what is neither true nor false */
export function booleanOf(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError('It is true or false.');
}
