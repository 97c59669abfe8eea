import { isIP } from 'node:net';
import {
  AGENT_PORT,
  DEFAULT_COMPONENT_PORT,
  DEFAULT_MODEL_DIR,
  DEFAULT_CONFIG_MOUNT_PATH,
  DEFAULT_STATUS_PORT,
} from '../contract/names.ts';
import { SettingsError } from '../lib/settings-error.ts';
import {
  BATCHER_FLAG_DEFAULTS,
  type BatcherFlags,
  type BatcherSettings,
  readBatcher,
} from './batcher/settings.ts';
import { LOGGER_FLAG_DEFAULTS, type LoggerFlags } from './logger/flags.ts';
import { type LoggerSettings, readLogger } from './logger/settings.ts';
import {
  RESIDENCY_FLAG_DEFAULTS,
  type ResidencyFlags,
  type ResidencySettings,
  readResidencyFlags,
} from './residency/settings.ts';
import { DEFAULT_SOURCE_SETTINGS, type SourceSettings } from './sources/settings.ts';

/** The agent's command line, as text. The names are KServe's flags and ours. */
export interface AgentFlags extends LoggerFlags, BatcherFlags, ResidencyFlags {
  readonly enablePuller: boolean;
  readonly configDir: string;
  readonly modelDir: string;
  readonly componentPort: string;
  readonly port: string;
  readonly host?: string | undefined;
  readonly statusPort: string;
  readonly modelServerUrl?: string | undefined;
  readonly drainSeconds: string;
  readonly downloads: string;
  readonly loads: string;
  readonly sourceTimeoutSeconds: string;
  readonly pvcRoot: string;
  readonly fileRoot: readonly string[];
  readonly denyNetwork: readonly string[];
  /** A flag of KServe's that its agent accepts and ignores. */
  readonly probePeriod?: string | undefined;
}

/** The checked options that the agent runs with. */
export interface AgentOptions {
  readonly enablePuller: boolean;
  /** Absolute. */
  readonly configDir: string;
  /** Absolute. */
  readonly modelDir: string;
  readonly componentPort: number;
  readonly port: number;
  readonly statusPort: number;
  /** The address of both ports. All addresses if absent. */
  readonly host?: string;
  /** Where the model server may be. The first one with a model repository is used. */
  readonly modelServerUrls: readonly [URL, ...URL[]];
  readonly drainSeconds: number;
  readonly downloads: number;
  readonly loads: number;
  readonly sources: SourceSettings;
  /** Undefined if requests are not logged. */
  readonly logger: LoggerSettings | undefined;
  /** Undefined if requests are not batched. */
  readonly batcher: BatcherSettings | undefined;
  /** Which models stay in memory, unless residency.json says otherwise. */
  readonly residency: ResidencySettings;
  /** Options that do not do what they seem to: one line each for the log. */
  readonly remarks: readonly string[];
}

export const FLAG_DEFAULTS = {
  enablePuller: false,
  configDir: DEFAULT_CONFIG_MOUNT_PATH,
  modelDir: DEFAULT_MODEL_DIR,
  componentPort: String(DEFAULT_COMPONENT_PORT),
  port: String(AGENT_PORT),
  statusPort: String(DEFAULT_STATUS_PORT),
  drainSeconds: '20',
  downloads: '16',
  loads: '8',
  sourceTimeoutSeconds: String(DEFAULT_SOURCE_SETTINGS.noProgressTimeoutMs / 1000),
  pvcRoot: DEFAULT_SOURCE_SETTINGS.pvcRoot,
  fileRoot: DEFAULT_SOURCE_SETTINGS.fileRoots,
  denyNetwork: DEFAULT_SOURCE_SETTINGS.deniedNetworks,
  ...LOGGER_FLAG_DEFAULTS,
  ...BATCHER_FLAG_DEFAULTS,
  ...RESIDENCY_FLAG_DEFAULTS,
} as const;

/** Every fault of the command line at once. */
export class AgentOptionsError extends SettingsError {
  readonly code = 'AGENT_OPTIONS_INVALID';
}

/**
 * Checks the flags. Port 0 means any free port, for tests.
 * @throws AgentOptionsError with all faults
 */
export function checkAgentOptions(flags: AgentFlags): AgentOptions {
  const faults: string[] = [];
  const number = (flag: string, text: string, least: number, most: number) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    faults.push(`--${flag} ${JSON.stringify(text)} is not a whole number from ${least} to ${most}`);
    return least;
  };
  const directory = (flag: string, path: string) => {
    if (!path.startsWith('/')) faults.push(`--${flag} ${JSON.stringify(path)} is not an absolute path`);
    return path;
  };
  const address = (flag: string, text: string) => {
    if (isIP(text) === 0)
      faults.push(`--${flag} ${JSON.stringify(text)} is not an IP address such as 127.0.0.1`);
    return text;
  };
  const componentPort = number('component-port', flags.componentPort, 1, 65_535);
  const port = number('port', flags.port, 0, 65_535);
  const logger = readLogger(flags, port);
  faults.push(...logger.faults);
  const options: AgentOptions = {
    enablePuller: flags.enablePuller,
    configDir: directory('config-dir', flags.configDir),
    modelDir: directory('model-dir', flags.modelDir),
    componentPort,
    port,
    statusPort: number('status-port', flags.statusPort, 0, 65_535),
    modelServerUrls: serverUrls(flags.modelServerUrl, componentPort, faults),
    ...(flags.host !== undefined && { host: address('host', flags.host) }),
    drainSeconds: number('drain-seconds', flags.drainSeconds, 0, 3_600),
    downloads: number('downloads', flags.downloads, 1, 256),
    loads: number('loads', flags.loads, 1, 256),
    sources: {
      ...DEFAULT_SOURCE_SETTINGS,
      noProgressTimeoutMs: 1000 * number('source-timeout-seconds', flags.sourceTimeoutSeconds, 1, 86_400),
      pvcRoot: directory('pvc-root', flags.pvcRoot),
      fileRoots: flags.fileRoot.map((root) => directory('file-root', root)),
      deniedNetworks: flags.denyNetwork,
    },
    logger: logger.settings,
    batcher: readBatcher(flags, faults),
    residency: readResidencyFlags(flags, faults),
    remarks: [...logger.remarks, ...withoutEffect(flags)],
  };
  const { statusPort } = options;
  if (port !== 0 && port === statusPort) faults.push(`--port and --status-port are both ${port}`);
  if (port === componentPort) {
    faults.push(
      `--port and --component-port are both ${port}; the agent would forward to itself. ` +
        `Give the model server's container another containerPort.`,
    );
  }
  if (faults.length > 0) throw new AgentOptionsError(faults);
  return options;
}

function withoutEffect({ probePeriod }: AgentFlags): string[] {
  if (probePeriod === undefined) return [];
  return ["--probe-period has no effect: KServe's agent ignores it too"];
}

/**
 * Behind a transformer the component's port is the transformer's. KServe's agent always calls the model server at 8080,
 * so every pod that works with it has the model server there.
 */
function serverUrls(
  text: string | undefined,
  componentPort: number,
  faults: string[],
): readonly [URL, ...URL[]] {
  const local = (port: number) => new URL(`http://127.0.0.1:${port}`);
  const component = local(componentPort);
  if (text === undefined) {
    return componentPort === DEFAULT_COMPONENT_PORT
      ? [component]
      : [component, local(DEFAULT_COMPONENT_PORT)];
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:') return [url];
  faults.push(`--model-server-url ${JSON.stringify(text)} is not a URL like http://127.0.0.1:8080`);
  return [component];
}
