import { COMPONENT_LABEL, INFERENCE_SERVICE_LABEL, PREDICTOR_COMPONENT } from '../contract/names.ts';
import type { ObjectKey } from '../contract/kubernetes.ts';
import { splitKey } from '../contract/kubernetes.ts';
import { canBeInferenceService } from '../contract/trained-model.ts';
import { servesModels } from '../contract/watched-pod.ts';
import type { RawPod } from '../explanation/facts.decide.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { PODS } from '../kube/resources.ts';
import type { ClusterView } from '../kube/cluster-view.ts';
import { milliseconds, seconds } from '../lib/clock.ts';
import type { Clock, MonotonicMs } from '../lib/clock.ts';
import { compareText } from '../lib/compare-text.ts';
import { messageOf } from '../lib/errors.ts';
import { keepLatest } from '../lib/keep-latest.ts';
import type { Lookup } from '../lib/lookup.ts';
import type { PageAgents } from './page-agents.ts';
import { REPLICAS_SHOWN } from './page-documents.decide.ts';
import { replicaFigures } from './page-replica.decide.ts';
import type { ReplicaFigures } from './page-replica.decide.ts';

/**
 * Bytes of metrics that are read of all pods of an InferenceService together: those of some 4,000 models. A pod is a user's
 * territory, and the manager has other things to hold.
 */
const MAX_TOGETHER = 8 * 1024 * 1024;

/** What is asked for one InferenceService while somebody looks at it, beyond what the manager has cached. */
export interface Surroundings {
  /** Its pods as the API server has them, for what an explanation judges by. */
  readonly pods: Lookup<readonly RawPod[]>;
  readonly replicas: { readonly total: number; readonly shown: readonly ReplicaFigures[] };
}

export type ReadSurroundings = (key: ObjectKey) => Promise<Surroundings>;

/** Nothing is asked again sooner, however many look; and where asking takes long, not before ten times as long. */
const KEPT_FOR = seconds(2);
const KEPT_FOR_TIMES = 10;
/** InferenceServices of which anything is kept. */
const KEPT = 8;
const PODS_WITHIN = seconds(3);

/** Reads the pods of an InferenceService, and asks their agents. */
export function surroundingsReader({
  view,
  client,
  agents,
  clock,
}: {
  readonly view: Pick<ClusterView, 'podsByKey'>;
  readonly client: Pick<ApiClient, 'list'>;
  readonly agents: Pick<PageAgents, 'read'>;
  readonly clock: Clock;
}): ReadSurroundings {
  const kept = new Map<
    ObjectKey,
    { until: MonotonicMs | undefined; readonly answer: Promise<Surroundings> }
  >();

  async function read(key: ObjectKey): Promise<Surroundings> {
    const serving = [...view.podsByKey.group(key)].filter(servesModels);
    const asked = serving
      .sort((a, b) => compareText(a.metadata.name, b.metadata.name))
      .slice(0, REPLICAS_SHOWN);
    const [pods, readings] = await Promise.all([
      podsOf(client, key),
      // Only figures are kept while others are awaited.
      Promise.all(
        asked.map(async (pod) => replicaFigures(await agents.read(pod, MAX_TOGETHER / asked.length))),
      ),
    ]);
    return { pods, replicas: { total: serving.length, shown: readings } };
  }

  return (key) => {
    const begun = clock.monotonic();
    const before = kept.get(key);
    if (before !== undefined && (before.until === undefined || begun < before.until)) return before.answer;
    const entry = { until: undefined as MonotonicMs | undefined, answer: read(key) };
    keepLatest(kept, key, entry, KEPT);
    void entry.answer.then(() => {
      const now = clock.monotonic();
      const span = Math.max(KEPT_FOR, milliseconds((now - begun) * KEPT_FOR_TIMES));
      entry.until = (now + span) as MonotonicMs;
    });
    return entry.answer;
  };
}

async function podsOf(client: Pick<ApiClient, 'list'>, key: ObjectKey): Promise<Surroundings['pods']> {
  const { namespace, name } = splitKey(key);
  // What cannot be a name cannot stand in a selector either, and has no pods.
  if (!canBeInferenceService(name)) return { kind: 'known', value: [] };
  const labelSelector = `${INFERENCE_SERVICE_LABEL}=${name},${COMPONENT_LABEL}=${PREDICTOR_COMPONENT}`;
  // Pods that have ended may be many, and come first by name.
  const fieldSelector = 'status.phase!=Failed,status.phase!=Succeeded';
  const query = { namespace, labelSelector, fieldSelector, limit: REPLICAS_SHOWN };
  try {
    const { items } = await client.list(PODS, query, { timeout: PODS_WITHIN });
    return { kind: 'known', value: items };
  } catch (thrown) {
    return { kind: 'unreadable', why: messageOf(thrown) };
  }
}
