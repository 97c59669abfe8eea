import { InvalidArgumentError, Option } from 'commander';

/**
 * Flags of KServe's agent for its request logger and its batcher, which this agent does not have: a pod that asks for
 * them must not run as if it had them. Source: KServe v0.17, cmd/agent/main.go.
 */
const VALUES = {
  'request logger': [
    'log-url',
    'log-mode',
    'log-store-path',
    'log-store-format',
    'log-marshaller-url',
    'log-batch-size',
    'log-batch-interval',
    'workers',
    'source-uri',
    'inference-service',
    'namespace',
    'endpoint',
    'component',
    'metadata-headers',
    'metadata-annotations',
    'logger-ca-cert-file',
    'cert-name',
  ],
  batcher: ['max-batchsize', 'max-latency', 'timeout'],
};
const SWITCHES = {
  'request logger': ['logger-tls-skip-verify', 'tls-skip-verify'],
  batcher: ['enable-batcher'],
};

/** Hidden options that end the command with one line saying what is not supported yet. */
export function refusedOptions(): Option[] {
  const refuse = (feature: string) => (value: string) => {
    if (value === 'false') return value;
    throw new InvalidArgumentError(
      `The ${feature} of KServe's agent is not supported yet; remove it from the InferenceService.`,
    );
  };
  const options = (flags: Record<string, string[]>, value: string, preset?: string) =>
    Object.entries(flags).flatMap(([feature, names]) =>
      names.map((name) =>
        new Option(`--${name} ${value}`).preset(preset).argParser(refuse(feature)).hideHelp(),
      ),
    );
  return [...options(VALUES, '<value>'), ...options(SWITCHES, '[value]', 'true')];
}
