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
 * The limit of metrics read from all pods of an InferenceService together: those of some 4,000 models. Users control
 * pods, and the manager needs its memory.
 */
const MAX_TOGETHER = 8 * 1024 * 1024;

/** Facts about an InferenceService beyond the manager's caches, read while someone views it. */
export interface Surroundings {
  /** Its pods from the API server, for the explanation. */
  readonly pods: Lookup<readonly RawPod[]>;
  readonly replicas: { readonly total: number; readonly shown: readonly ReplicaFigures[] };
}

export type ReadSurroundings = (key: ObjectKey) => Promise<Surroundings>;

/**
 * Results are reused for this long, whatever the number of viewers; if reading is slow, for ten times as long as it
 * took.
 */
const KEPT_FOR = seconds(2);
const KEPT_FOR_TIMES = 10;
/** How many InferenceServices are cached. */
const KEPT = 8;
const PODS_WITHIN = seconds(3);

/** Reads the pods of an InferenceService, and the metrics of their agents. */
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
      // Only figures are kept while the others are read.
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
  // An invalid name cannot be used in a selector, and has no pods.
  if (!canBeInferenceService(name)) return { kind: 'known', value: [] };
  const labelSelector = `${INFERENCE_SERVICE_LABEL}=${name},${COMPONENT_LABEL}=${PREDICTOR_COMPONENT}`;
  // Pods that have ended may be many, and sort first by name.
  const fieldSelector = 'status.phase!=Failed,status.phase!=Succeeded';
  const query = { namespace, labelSelector, fieldSelector, limit: REPLICAS_SHOWN };
  try {
    const { items } = await client.list(PODS, query, { timeout: PODS_WITHIN });
    return { kind: 'known', value: items };
  } catch (thrown) {
    return { kind: 'unreadable', why: messageOf(thrown) };
  }
}
