import type { Explanation } from '../core/explanation/chain.ts';
import { explainInferenceService } from '../core/explanation/explain-service.ts';
import { explainModel } from '../core/explanation/explain-model.ts';
import { explainPod } from '../core/explanation/explain-pod.ts';
import { readTarget } from '../core/explanation/target.ts';
import type { TargetKind } from '../core/explanation/target.ts';
import { MmsError } from '../core/errors.ts';
import { nearNames } from '../core/near-names.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { INFERENCE_SERVICES, PODS, TRAINED_MODELS } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import { withCluster } from './cluster-connection.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { namesOf, readModelFacts, readPodFacts, readServiceFacts } from './explain-facts.ts';
import { SettingsError } from '../core/settings-error.ts';
import { explanationText } from './explanation-text.ts';
import type { ExplainFlags } from './explain.ts';
import type { CommandIo } from './io.ts';
import { knownAnswer } from './known-answers.ts';
import { painter, structured } from './output.ts';

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
 * @throws {BrokenChainError} after printing, so that the exit code tells; {@link ExplainTargetError}; ApiError when the cluster
 * is not reached
 */
export function explain(io: CommandIo, word: string, flags: ExplainFlags): Promise<void> {
  return withCluster(flags, async (cluster) => {
    const { kind, name } = await targetOf(cluster, word);
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
): Promise<{ readonly kind: TargetKind; readonly name: string }> {
  const target = readTarget(word);
  if (target === undefined)
    throw new ExplainWordError([
      `${JSON.stringify(word)} is none of trainedmodel/NAME, isvc/NAME, pod/NAME and NAME`,
    ]);
  const { kind, name } = target;
  if (kind !== undefined) return { kind, name };
  const { client, namespace } = cluster;
  const kinds: TargetKind[] = [];
  const unread: string[] = [];
  for (const [candidate, resource] of RESOURCES) {
    const found = await knownAnswer(getIfThere(client, resource, { namespace, name }));
    if (found.kind === 'unreadable') unread.push(`${candidate}: ${found.why}`);
    else if (found.value !== undefined) kinds.push(candidate);
  }
  const [only, another] = kinds;
  if (only !== undefined && another === undefined) return { kind: only, name };
  if (only !== undefined) throw new ExplainTargetError(several(kinds, name, namespace));
  const what = `${JSON.stringify(name)} in namespace ${namespace}`;
  if (unread.length > 0)
    throw new ExplainTargetError(
      `whether there is a ${what} is not known: ${unread.join('; ')}; name its kind, as isvc/${name}`,
    );
  throw new ExplainTargetError(await nobody(cluster, name));
}

function several(kinds: readonly TargetKind[], name: string, namespace: string): string {
  const choices = kinds.map((kind) => `${kind.toLowerCase()}/${name}`).join(' or ');
  return `namespace ${namespace} has several objects named ${name}; say which: ${choices}`;
}

async function nobody(cluster: ClusterConnection, name: string): Promise<string> {
  const names = await Promise.all([...RESOURCES.values()].map((resource) => namesOf(cluster, resource)));
  const near = nearNames(name, names.flat());
  const hint = near.length > 0 ? `; did you mean ${near.join(', ')}?` : '; look in another namespace with -n';
  return `there is no TrainedModel, InferenceService or pod ${JSON.stringify(name)} in namespace ${cluster.namespace}${hint}`;
}
