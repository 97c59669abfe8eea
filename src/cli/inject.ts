import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import jsonPatch from 'fast-json-patch';
import { stringify } from 'yaml';
import { credentialsFor, secretNamedBy } from '../contract/credential-lookup.ts';
import type { CredentialLookup } from '../contract/credential-lookup.ts';
import { decideInjection } from '../contract/agent-injection.ts';
import type { InjectionDecision, InjectionInput } from '../contract/agent-injection.ts';
import { MmsError } from '../lib/errors.ts';
import { isImageReference } from '../lib/image-reference.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import { recordOf } from '../lib/json.ts';
import type { ConfigMap, Secret, ServiceAccount } from '../contract/kubernetes.ts';
import { INFERENCE_SERVICE_LABEL, SYSTEM_CONFIG } from '../contract/names.ts';
import { loggerAccountOf } from '../contract/payload-agent.ts';
import { isPod } from '../contract/pod.ts';
import type { Pod } from '../contract/pod.ts';
import { factsOfSecret } from '../contract/storage-credentials.ts';
import type { SecretFacts } from '../contract/storage-credentials.ts';
import { readSystemConfig } from '../contract/system-config.ts';
import type { SystemConfig } from '../contract/system-config.ts';
import { InputFileError, ofKind, readDocuments } from './documents.ts';
import type { Document } from './documents.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';

interface InjectOptions {
  readonly filename: string;
  readonly inferenceService?: string;
  readonly objects: readonly string[];
  readonly agentImage?: string;
  readonly output: 'yaml' | 'json' | 'patch';
}

/** The webhook would turn this pod away. */
class PodRefusedError extends MmsError {
  readonly code = 'POD_REFUSED';
  readonly retryable = false;
}

/** `mms inject`: what the webhook would make of a pod, without a cluster; the very same decision. */
export function injectCommand(io: CommandIo): Command {
  return newCommand('inject', io)
    .description('show what the webhook would make of a pod, and why, without a cluster')
    .requiredOption('-f, --filename <file>', 'the pod, as YAML or JSON; - for stdin')
    .option('--inference-service <file>', 'its InferenceService; may also be in the file of the pod')
    .option(
      '--objects <file>',
      'ServiceAccounts, Secrets and the ConfigMap inferenceservice-config to take into account; may be repeated',
      (file: string, files: readonly string[]) => [...files, file],
      [] as readonly string[],
    )
    .option(
      '--agent-image <image>',
      "the agent's image, whatever inferenceservice-config says",
      imageReference,
    )
    .addOption(
      new Option('-o, --output <format>', 'what to print').choices(['yaml', 'json', 'patch']).default('yaml'),
    )
    .addHelpText(
      'after',
      `
The pod goes to stdout, the decision and its reason to stderr. Exit code 1 when the pod would be refused.

Examples:
  mms inject -f pod.yaml --inference-service isvc.yaml
  kubectl get pod flowers-predictor -o yaml | mms inject -f - --inference-service isvc.yaml -o patch`,
    )
    .action((options: InjectOptions) => inject(io, options));
}

async function inject(io: CommandIo, options: InjectOptions): Promise<void> {
  const files = [options.filename, options.inferenceService, ...options.objects].filter(
    (file) => file !== undefined,
  );
  if (files.filter((file) => file === '-').length > 1)
    throw new InputFileError('only one file can come from stdin');
  const documents: Document[] = [];
  for (const file of new Set(files)) documents.push(...(await readDocuments(file, io)));
  const pod = onlyPod(documents, options.filename);
  const inferenceService = inferenceServiceFor(pod, documents);
  if (inferenceService === undefined && options.inferenceService !== undefined)
    throw new InputFileError(notTheRightOne(pod, documents, options.inferenceService));
  const system = systemConfigIn(documents, options.agentImage, io);
  const { lookup, absent } = lookUp(pod, documents, { system, inferenceService });
  const { parts, warnings, refusal } = credentialsFor(lookup, system.credentials);
  const decision = decideInjection({
    ...{ pod, inferenceService, system, credentials: parts },
    credentialWarnings: [...warnings, ...absent.map((name) => `Secret ${name} is in none of the files`)],
    ...(refusal === undefined ? {} : { credentialRefusal: refusal }),
  });
  report(decision, io);
  if (decision.outcome === 'refuse')
    throw new PodRefusedError(`the pod would be refused: ${decision.message}`);
  io.stdout.write(render(pod, decision.pod, options.output));
}

function onlyPod(documents: readonly Document[], file: string): Pod {
  const [pod, another] = ofKind(documents, '', 'Pod');
  if (pod === undefined) {
    const kinds = [...new Set(documents.map(({ kind }) => kind))].join(', ');
    throw new InputFileError(
      `${file} holds no Pod but ${kinds}; for a Deployment, give a pod with its template's labels`,
    );
  }
  if (another !== undefined) {
    const where =
      pod.source === another.source
        ? `${pod.source} has several`
        : `${pod.source} and ${another.source} have one each`;
    throw new InputFileError(`give one Pod at a time: ${where}`);
  }
  if (!isPod(pod.object)) {
    throw new InputFileError(
      `the Pod in ${pod.source} is malformed: metadata and spec.containers must be there`,
    );
  }
  return pod.object;
}

/** As in a cluster, where namespace and name find it; a file without the namespace stands for the pod's. */
function inferenceServiceFor(pod: Pod, documents: readonly Document[]): InferenceService | undefined {
  const wanted = pod.metadata.labels?.[INFERENCE_SERVICE_LABEL];
  const all = ofKind(documents, 'serving.kserve.io', 'InferenceService').map(
    ({ object }) => object as unknown as InferenceService,
  );
  return all.find(({ metadata }) => metadata.name === wanted && inNamespaceOf(pod, metadata.namespace));
}

/** Why the file that was given for the InferenceService is of no use to the pod. */
function notTheRightOne(pod: Pod, documents: readonly Document[], file: string): string {
  const wanted = pod.metadata.labels?.[INFERENCE_SERVICE_LABEL];
  if (wanted === undefined || wanted === '')
    return `the pod has no label ${INFERENCE_SERVICE_LABEL}, so ${file} cannot be its InferenceService; add the label, or leave out --inference-service`;
  const { namespace } = pod.metadata;
  const where = namespace === undefined ? '' : ` of namespace ${namespace}`;
  const others = ofKind(documents, 'serving.kserve.io', 'InferenceService').map(({ object }) =>
    nameIn(object),
  );
  const holds = others.length === 0 ? 'no InferenceService' : `InferenceService ${others.join(', ')}`;
  return `the pod belongs to InferenceService ${wanted}${where}, and ${file} holds ${holds}; give the file that has ${wanted}`;
}

function nameIn({ metadata }: Readonly<Record<string, unknown>>): string {
  const { namespace, name } = recordOf(metadata);
  return [namespace, name].filter((part) => typeof part === 'string').join('/');
}

function inNamespaceOf(pod: Pod, namespace: string | undefined): boolean {
  return (
    namespace === undefined || pod.metadata.namespace === undefined || namespace === pod.metadata.namespace
  );
}

function systemConfigIn(
  documents: readonly Document[],
  agentImage: string | undefined,
  io: CommandIo,
): SystemConfig {
  const found = ofKind(documents, '', 'ConfigMap')
    .map(({ object }) => object as unknown as ConfigMap)
    .find(({ metadata }) => metadata.name === SYSTEM_CONFIG.name);
  const { config, faults } = readSystemConfig(found?.data, agentImage);
  for (const { key, message } of faults)
    io.stderr.write(`warning: ${SYSTEM_CONFIG.name} ${key} ${message}\n`);
  return config;
}

/** As in a cluster; only that a Secret may be there though it is in none of the files. */
function lookUp(
  pod: Pod,
  documents: readonly Document[],
  { system, inferenceService }: Pick<InjectionInput, 'system' | 'inferenceService'>,
): { readonly lookup: CredentialLookup; readonly absent: readonly string[] } {
  const accountCalled = (wanted: string): ServiceAccount | undefined =>
    ofKind(documents, '', 'ServiceAccount')
      .map(({ object }) => object as unknown as ServiceAccount)
      .find(({ metadata }) => metadata.name === wanted && inNamespaceOf(pod, metadata.namespace));
  const account = accountCalled(pod.spec.serviceAccountName ?? 'default');
  const accountName = loggerAccountOf({ pod, inferenceService, settings: system.logger });
  const ofLogger = accountName === undefined ? undefined : accountCalled(accountName);
  const secrets = new Map(
    ofKind(documents, '', 'Secret')
      .map(({ object }) => object as unknown as SecretManifest)
      .filter(({ metadata }) => inNamespaceOf(pod, metadata.namespace))
      .map((secret) => [secret.metadata.name, secret] as const),
  );
  const named = secretNamedBy(pod, system.credentials);
  const namesFor = (of: ServiceAccount | undefined): string[] => {
    const listed = (of?.secrets ?? []).map(({ name }) => name).filter((name) => name !== undefined);
    return named === undefined ? [...new Set(listed)] : [named.name];
  };
  const factsFor = (of: ServiceAccount | undefined): SecretFacts[] =>
    namesFor(of)
      .map((name) => secrets.get(name))
      .filter((secret) => secret !== undefined)
      .map((secret) => factsOfSecret(stored(secret)));
  const logger =
    accountName === undefined
      ? {}
      : { logger: { accountName, account: ofLogger, secrets: factsFor(ofLogger), missing: [] } };
  const names = [...namesFor(account), ...(ofLogger === undefined ? [] : namesFor(ofLogger))];
  return {
    lookup: { account, named, secrets: factsFor(account), missing: [], ...logger },
    absent: [...new Set(names)].filter((name) => !secrets.has(name)),
  };
}

type SecretManifest = Secret & { readonly stringData?: Readonly<Record<string, string>> };

/** The API server lays `stringData` over `data`. */
function stored({ stringData = {}, ...secret }: SecretManifest): Secret {
  const plain = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  return { ...secret, data: { ...secret.data, ...(Object.fromEntries(plain) as Record<string, string>) } };
}

function report({ outcome, reason, message, warnings }: InjectionDecision, io: CommandIo): void {
  if (outcome !== 'refuse') io.stderr.write(`${outcome}: ${reason}: ${message}\n`);
  for (const warning of warnings.filter((text) => text !== message)) io.stderr.write(`warning: ${warning}\n`);
}

function render(before: Pod, after: Pod, output: InjectOptions['output']): string {
  if (output === 'yaml') return stringify(after);
  return `${JSON.stringify(output === 'json' ? after : jsonPatch.compare(before, after), undefined, 2)}\n`;
}

function imageReference(value: string): string {
  if (isImageReference(value)) return value;
  throw new InvalidArgumentError('It must name an image, like registry.example/kserve-mms:0.1.0.');
}
