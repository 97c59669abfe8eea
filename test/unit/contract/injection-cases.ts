import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { InjectionInput } from '../../../src/contract/agent-injection.ts';
import { credentialsFor, secretNamedBy } from '../../../src/contract/credential-lookup.ts';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import type { ServiceAccount } from '../../../src/contract/kubernetes.ts';
import type { Pod } from '../../../src/contract/pod.ts';
import { readSystemConfig } from '../../../src/contract/system-config.ts';

const DIRECTORY = join(import.meta.dirname, 'injection');

/** One file for each case, without `.yaml`. */
export const CASE_NAMES: readonly string[] = readdirSync(DIRECTORY)
  .map((file) => file.replace(/\.yaml$/, ''))
  .sort();

/** The content of a case file. */
interface CaseFile {
  readonly pod: unknown;
  readonly inferenceService?: unknown;
  readonly options?: unknown;
  readonly expected?: unknown;
}

/** What a case sets besides its pod. All of it is optional. */
interface CaseOptions {
  /** False: there is no InferenceService. */
  readonly inferenceServiceExists?: boolean;
  /** The data of KServe's ConfigMap `inferenceservice-config`. */
  readonly systemConfig?: Record<string, string>;
  readonly agentImage?: string;
  /** The Secrets of the pod's service account, in its order. */
  readonly secrets?: readonly {
    readonly name: string;
    readonly keys?: readonly string[];
    readonly annotations?: Record<string, string>;
    readonly https?: { readonly host: string };
  }[];
  /** Names of Secrets that do not exist. */
  readonly missing?: readonly string[];
  readonly serviceAccountAnnotations?: Record<string, string>;
}

/** The InferenceService of a case that does not set one: sklearn, without a storageUri of its own. */
const MULTI_MODEL: InferenceService = {
  metadata: { name: 'sk', namespace: 'ns' },
  spec: { predictor: { sklearn: {} } },
};

/** Reads the input of a case and freezes it deeply: a decision that changes it throws. */
export function readCase(name: string): InjectionInput {
  const file = readCaseFile(name);
  const options = (file.options ?? {}) as CaseOptions;
  const inferenceService = (file.inferenceService ?? MULTI_MODEL) as InferenceService;
  const { config, faults } = readSystemConfig(options.systemConfig, options.agentImage ?? 'mms/agent:test');
  if (faults.length > 0) throw new Error(`${name}: ${JSON.stringify(faults)}`);
  const secrets = (options.secrets ?? []).map(({ keys, annotations, ...secret }) => ({
    ...{ ...secret, keys: new Set(keys), annotations: annotations ?? {} },
  }));
  const pod = file.pod as Pod;
  const { missing = [], serviceAccountAnnotations: annotations } = options;
  const account: ServiceAccount = { metadata: { name: 'sa', ...(annotations && { annotations }) } };
  const named = secretNamedBy(pod, config.credentials);
  const found = credentialsFor({ account, named, secrets, missing }, config.credentials);
  return deepFreeze({
    pod,
    inferenceService: options.inferenceServiceExists === false ? undefined : inferenceService,
    system: config,
    credentials: found.parts,
    credentialWarnings: found.warnings,
    ...(found.refusal === undefined ? {} : { credentialRefusal: found.refusal }),
  });
}

export function caseFile(name: string): string {
  return join(DIRECTORY, `${name}.yaml`);
}

export function readCaseFile(name: string): CaseFile {
  return parse(readFileSync(caseFile(name), 'utf8')) as CaseFile;
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key of Reflect.ownKeys(value)) deepFreeze(Reflect.get(value, key));
  }
  return value;
}
