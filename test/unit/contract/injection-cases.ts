import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { InjectionInput } from '../../../src/contract/agent-injection.ts';
import { credentialsFor, secretNamedBy } from '../../../src/contract/credential-lookup.ts';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import type { ServiceAccount } from '../../../src/contract/kubernetes.ts';
import type { Pod } from '../../../src/contract/pod.ts';
import { readSystemConfig } from '../../../src/contract/system-config.ts';

/** One directory a case: `pod.yaml`, the optional `inference-service.yaml` and `options.yaml`, and `expected.yaml`. */
export const CASES_DIRECTORY = join(import.meta.dirname, 'injection');
export const INPUT_FILES: readonly string[] = ['pod.yaml', 'inference-service.yaml', 'options.yaml'];
export const EXPECTED_FILE = 'expected.yaml';

export const CASE_NAMES: readonly string[] = readdirSync(CASES_DIRECTORY).sort();

/** What a case says besides its pod; all of it is optional. */
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

/** A case that says nothing of its InferenceService means this one: sklearn without a storage of its own. */
const MULTI_MODEL: InferenceService = {
  metadata: { name: 'sk', namespace: 'ns' },
  spec: { predictor: { sklearn: {} } },
};

/** Reads a case's input, frozen to its depths: a decision that changes it throws. */
export function readCase(name: string): InjectionInput {
  const options = (readYaml(name, 'options.yaml') ?? {}) as CaseOptions;
  const inferenceService = (readYaml(name, 'inference-service.yaml') ?? MULTI_MODEL) as InferenceService;
  const { config, faults } = readSystemConfig(options.systemConfig, options.agentImage ?? 'mms/agent:test');
  if (faults.length > 0) throw new Error(`${name}: ${JSON.stringify(faults)}`);
  const secrets = (options.secrets ?? []).map(({ keys, annotations, ...secret }) => ({
    ...{ ...secret, keys: new Set(keys), annotations: annotations ?? {} },
  }));
  const pod = readYaml(name, 'pod.yaml') as Pod;
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

export function readYaml(name: string, file: string): unknown {
  const path = join(CASES_DIRECTORY, name, file);
  return existsSync(path) ? (parse(readFileSync(path, 'utf8')) as unknown) : undefined;
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key of Reflect.ownKeys(value)) deepFreeze(Reflect.get(value, key));
  }
  return value;
}
