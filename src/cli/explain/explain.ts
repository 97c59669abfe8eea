import type { Command } from 'commander';
import { withConnectionFlags, withCluster } from '../cluster-connection.ts';
import type { ConnectionFlags, ClusterConnection } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { DEFAULT_MANAGER_NAMESPACE } from '../manager-namespace.ts';
import { outputOption, painter, structured } from '../output.ts';
import type { Explanation } from '../../explanation/chain.decide.ts';
import { explainInferenceService } from '../../explanation/explain-service.decide.ts';
import { explainModel } from '../../explanation/explain-model.decide.ts';
import { explainPod } from '../../explanation/explain-pod.decide.ts';
import { readTarget } from './target.decide.ts';
import type { TargetKind } from './target.decide.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { isMMSPredictor } from '../../contract/mms-predictor.ts';
import { MmsError } from '../../lib/errors.ts';
import { nearNames } from '../near-names.decide.ts';
import { getIfThere } from '../../kube/get-if-there.ts';
import { INFERENCE_SERVICES, PODS, TRAINED_MODELS } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';
import { namesOf, readModelFacts, readPodFacts, readServiceFacts } from './explain-facts.ts';
import { SettingsError } from '../../lib/settings-error.ts';
import { explanationText } from './explanation-text.ts';
import { tryRead } from '../try-read.ts';

interface ExplainFlags extends ConnectionFlags {
  readonly output: 'table' | 'json' | 'yaml';
  readonly managerNamespace: string;
}

/** `mms explain`: a chain of checks in words, the first broken link marked. */
export function explainCommand(io: CommandIo): Command {
  return withConnectionFlags(newCommand('explain', io))
    .description('say why a model is not loaded, a pod not injected, or an InferenceService does not serve')
    .argument('<name>', 'such as tm/rose, pod/x or isvc/flowers; the name alone where only one kind has it')
    .argument('[name-of-kind]', 'the name, where the kind stands alone before it: tm rose')
    .option('--manager-namespace <name>', 'the namespace the manager runs in', DEFAULT_MANAGER_NAMESPACE)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Goes from what was asked for to what serves it, one check after the other. The first link that is broken is marked, with
what to do; those behind it depend on it. What you may not read is unknown, and does not end the chain. Nothing is changed.
Exit code 0 when no link is broken, 1 when one is.

Examples:
  mms explain rose
  mms explain trainedmodel/rose -n garden
  mms explain pod/flowers-predictor-7d4b9-x2x7k
  mms explain isvc/flowers -o json | jq .broken.id`,
    )
    .action((word: string, name: string | undefined, flags: ExplainFlags) =>
      explain(io, name === undefined ? word : `${word}/${name}`, flags),
    );
}

/** What was named is of a kind that is not explained. */
class ExplainWordError extends SettingsError {
  readonly code = 'EXPLAIN_WORD';
}

/** What was named cannot be explained: nothing has the name, or several kinds have. */
class ExplainTargetError extends MmsError {
  readonly code = 'EXPLAIN_TARGET';
  readonly retryable = false;
}

/** The chain is broken; printed in full before. */
class BrokenChainError extends MmsError {
  readonly code = 'CHAIN_BROKEN';
  readonly retryable = false;
}

const RESOURCES: ReadonlyMap<TargetKind, Resource> = new Map<TargetKind, Resource>([
  ['TrainedModel', TRAINED_MODELS],
  ['InferenceService', INFERENCE_SERVICES],
  ['Pod', PODS],
]);

/**
 * Prints the chain.
 *
 * @throws {BrokenChainError} after printing, so that the exit code is 1; {@link ExplainTargetError}; ApiError when the cluster
 * is not reached
 */
function explain(io: CommandIo, word: string, flags: ExplainFlags): Promise<void> {
  return withCluster(flags, async (cluster) => {
    const { kind, name, note } = await targetOf(cluster, word);
    if (note !== undefined) io.stderr.write(`note: ${note}\n`);
    const found = await explanationOf(cluster, kind, name, flags.managerNamespace);
    io.stdout.write(
      flags.output === 'table'
        ? explanationText(found, painter(io.stdout, io.environment))
        : structured(found, flags.output),
    );
    if (found.broken !== undefined) throw new BrokenChainError(`the chain is broken at ${found.broken.id}`);
  });
}

async function explanationOf(
  cluster: ClusterConnection,
  kind: TargetKind,
  name: string,
  managerNamespace: string,
): Promise<Explanation> {
  switch (kind) {
    case 'TrainedModel':
      return explainModel(await readModelFacts(cluster, name, managerNamespace));
    case 'Pod':
      return explainPod(await readPodFacts(cluster, name, managerNamespace));
    case 'InferenceService':
      return explainInferenceService(await readServiceFacts(cluster, name, managerNamespace));
  }
}

async function targetOf(
  cluster: ClusterConnection,
  word: string,
): Promise<{ readonly kind: TargetKind; readonly name: string; readonly note?: string }> {
  const target = readTarget(word);
  if (target === undefined)
    throw new ExplainWordError([
      `${JSON.stringify(word)} is none of trainedmodel/NAME, isvc/NAME, pod/NAME and NAME`,
    ]);
  const { kind, name } = target;
  if (kind !== undefined) return { kind, name };
  const { client, namespace } = cluster;
  const there = new Map<TargetKind, KubernetesObject>();
  const unread: string[] = [];
  for (const [candidate, resource] of RESOURCES) {
    const found = await tryRead(getIfThere(client, resource, { namespace, name }));
    if (found.kind === 'unreadable') unread.push(`${candidate}: ${found.why}`);
    else if (found.value !== undefined) there.set(candidate, found.value);
  }
  const kinds = [...there.keys()];
  const [only, another] = kinds;
  if (only !== undefined && another === undefined) return { kind: only, name };
  const moved = movedModel(there);
  if (moved !== undefined) return { ...moved, name };
  if (only !== undefined) throw new ExplainTargetError(several(kinds, name, namespace));
  const what = `${JSON.stringify(name)} in namespace ${namespace}`;
  if (unread.length > 0)
    throw new ExplainTargetError(
      `whether there is a ${what} is not known: ${unread.join('; ')}; name its kind, as isvc/${name}`,
    );
  throw new ExplainTargetError(await notFound(cluster, name));
}

/** While an InferenceService of one model is being moved (`mms fold`), a TrainedModel has its name: that is what will serve it. */
function movedModel(
  there: ReadonlyMap<TargetKind, KubernetesObject>,
): { readonly kind: TargetKind; readonly note: string } | undefined {
  const service: InferenceService | undefined = there.get('InferenceService');
  if (there.size !== 2 || !there.has('TrainedModel') || service === undefined) return undefined;
  if (isMMSPredictor(service.spec?.predictor).isMms) return undefined;
  const { name } = service.metadata;
  const note = `this is of TrainedModel ${name}; of the InferenceService of one model that has its name: mms explain isvc/${name}`;
  return { kind: 'TrainedModel', note };
}

function several(kinds: readonly TargetKind[], name: string, namespace: string): string {
  const choices = kinds.map((kind) => `${kind.toLowerCase()}/${name}`).join(' or ');
  return `namespace ${namespace} has several objects named ${name}; say which: ${choices}`;
}

async function notFound(cluster: ClusterConnection, name: string): Promise<string> {
  const names = await Promise.all([...RESOURCES.values()].map((resource) => namesOf(cluster, resource)));
  const near = nearNames(name, names.flat());
  const hint = near.length > 0 ? `; did you mean ${near.join(', ')}?` : '; look in another namespace with -n';
  return `there is no TrainedModel, InferenceService or pod ${JSON.stringify(name)} in namespace ${cluster.namespace}${hint}`;
}
