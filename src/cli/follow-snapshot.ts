import type { Clock, Random } from '../lib/clock.ts';
import { seconds } from '../lib/clock.ts';
import { silentLogger } from '../lib/log.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import { INFERENCE_SERVICE_LABEL, MODEL_CONFIG_LABEL } from '../contract/names.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { startReflector } from '../kube/reflector.ts';
import type { Reflector } from '../kube/reflector.ts';
import { CONFIG_MAPS, INFERENCE_SERVICES, PODS, TRAINED_MODELS } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import type { ClusterSnapshot } from './cluster-snapshot.ts';

interface FollowOptions {
  readonly client: ApiClient;
  /** Undefined: every namespace. */
  readonly scope: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called with what holds: once it is all known, after each burst of changes, and now and then for the ages in it. */
  readonly show: (snapshot: ClusterSnapshot) => void;
  /** Called when the watches break, with the reason, and with undefined when they are whole again. */
  readonly trouble: (why: string | undefined) => void;
}

/** Changes within so long are shown together. */
const BURST = seconds(0.25);
/** Ages are shown in seconds only while they are small. */
const REFRESH = seconds(10);

/** Follows the objects of multi-model serving until the signal aborts. A watch that breaks is opened again. */
export async function followSnapshot(options: FollowOptions): Promise<void> {
  const { clock, signal, show, trouble } = options;
  let changed = Promise.withResolvers<undefined>();
  const kinds = startKinds(options, () => changed.resolve(undefined));
  const all: readonly Reflector<KubernetesObject>[] = Object.values(kinds);
  let said: string | undefined;
  try {
    while (!signal.aborted) {
      const why = all.find(({ lastError }) => lastError !== undefined)?.lastError?.message;
      if ((why === undefined) !== (said === undefined)) trouble(why);
      said = why;
      if (all.every(({ cache }) => cache.synced)) show(snapshotOf(kinds));
      await either(changed.promise, options);
      // A new promise before the pause, and not after it: what changes meanwhile must not be missed.
      changed = Promise.withResolvers<undefined>();
      await clock.sleep(BURST, signal);
    }
  } finally {
    await Promise.all(all.map((reflector) => reflector.stop()));
  }
}

type Kinds = ReturnType<typeof startKinds>;

function startKinds({ client, scope, clock, random }: FollowOptions, onChange: () => void) {
  const start = <T extends KubernetesObject>(resource: Resource<T>, labelSelector?: string): Reflector<T> => {
    const reflector = startReflector<T>({
      ...{ client, resource, clock, random },
      ...(scope !== undefined && { namespace: scope }),
      ...(labelSelector !== undefined && { labelSelector }),
      logger: silentLogger,
      observe: ({ type }) => {
        if (type !== 'watch-ended') onChange();
      },
    });
    reflector.subscribe(onChange);
    return reflector;
  };
  return {
    inferenceServices: start(INFERENCE_SERVICES),
    trainedModels: start(TRAINED_MODELS),
    pods: start(PODS, INFERENCE_SERVICE_LABEL),
    modelConfigs: start(CONFIG_MAPS, MODEL_CONFIG_LABEL),
  };
}

function snapshotOf({ inferenceServices, trainedModels, pods, modelConfigs }: Kinds): ClusterSnapshot {
  return {
    inferenceServices: [...inferenceServices.cache.list()],
    trainedModels: [...trainedModels.cache.list()],
    pods: [...pods.cache.list()],
    modelConfigs: [...modelConfigs.cache.list()],
  };
}

/** Resolves at the change, after a while without one, or at the signal; leaves no timer behind. */
async function either(change: Promise<unknown>, { clock, signal }: FollowOptions): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([change, clock.sleep(REFRESH, AbortSignal.any([signal, waiting.signal]))]);
  waiting.abort();
}
