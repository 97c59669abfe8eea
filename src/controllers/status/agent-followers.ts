import type { Clock, Random } from '../../lib/clock.ts';
import { keyOf } from '../../contract/kubernetes.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { agentStatusAddress, keyOfWatchedPod, servesModels, urlHostOf } from '../../contract/watched-pod.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';
import type { ReplicaView } from '../../contract/model-loaded.ts';
import { agentConnections, followAgent } from './agent-follower.ts';
import type { AgentFollower, AgentFollowerOptions } from './agent-follower.ts';
import { createAgentRoom } from './agent-room.ts';
import { createBreather } from '../../lib/breather.ts';
import { createFaultyPods } from './faulty-pods.ts';
import type { FaultyPods } from './faulty-pods.ts';
import { createOpeningSlots } from './opening-slots.ts';
import { createReadingTurns } from './reading-turns.ts';
import { pollReadiness } from './readiness-poller.ts';

interface AgentFollowersOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Called with the models of an InferenceService that may have changed; undefined means all of them. */
  readonly onChange: (inferenceService: ObjectKey, models: Iterable<string> | undefined) => void;
  /** The names of the models that an InferenceService should serve. */
  readonly modelsOf: (inferenceService: ObjectKey) => Iterable<string>;
  /** Whether it should serve a model of this name. */
  readonly isModelOf: (inferenceService: ObjectKey, name: string) => boolean;
  readonly logger: Logger;
  readonly observe: AgentObserver;
}

/** Observes pods whose reports are invalid. */
export interface AgentObserver {
  /** A connection was closed because of invalid data. */
  readonly fault: () => void;
  /** A model without a TrainedModel was left out. */
  readonly ignored: () => void;
}

/** One follower for each predictor pod with an agent, by InferenceService. */
export interface AgentFollowers {
  /** Adds or updates the pod. */
  keep(pod: WatchedPod): void;
  forget(pod: WatchedPod): void;
  /** A new model of these pods exists. */
  modelAppeared(pods: Iterable<WatchedPod>): void;
  /** The model of this name on these pods is deleted. */
  modelGone(name: string, pods: Iterable<WatchedPod>): void;
  /** The state of one model on each of these pods. */
  viewsOf(model: string, pods: Iterable<WatchedPod>): ReplicaView[];
  /** Whether one of these pods, of which {@link MOST_ASKED} are checked, reports the model as failed. */
  hasFailed(model: string, pods: Iterable<WatchedPod>): boolean;
  stop(): Promise<void>;
}

/** Checked with each change of a model: to check a thousand pods each time took half of the manager's time. */
const MOST_ASKED = 50;

export function createAgentFollowers(options: AgentFollowersOptions): AgentFollowers {
  const { clock, random } = options;
  const shared = {
    connections: agentConnections(),
    turns: createReadingTurns(clock),
    room: createAgentRoom(),
    slots: createOpeningSlots(),
    faulty: createFaultyPods(clock),
  };
  const sources = new Map<ObjectKey, PodSource>();

  function end(key: ObjectKey): void {
    void sources.get(key)?.stop();
    sources.delete(key);
  }

  return {
    keep(pod) {
      const key = keyOf(pod);
      const address = servesModels(pod) ? agentStatusAddress(pod) : undefined;
      if (sources.get(key)?.address === address) return;
      end(key);
      const inferenceService = keyOfWatchedPod(pod);
      if (address === undefined || inferenceService === undefined) return;
      sources.set(
        key,
        createPodSource(address, pod, inferenceService, { ...options, ...shared, clock, random }),
      );
    },
    forget: (pod) => end(keyOf(pod)),
    modelAppeared(pods) {
      for (const pod of pods) sources.get(keyOf(pod))?.modelAppeared();
    },
    modelGone(name, pods) {
      for (const pod of pods) sources.get(keyOf(pod))?.modelGone(name);
    },
    viewsOf: (model, pods) => viewsIn(sources, model, pods),
    hasFailed: (model, pods) => hasFailedIn(sources, model, pods),
    async stop() {
      // Closing a thousand connections at once would block everything else for seconds.
      shared.slots.close();
      const breathe = createBreather(clock);
      const stopped: Promise<void>[] = [];
      for (const source of [...sources.values()]) {
        await breathe();
        stopped.push(source.stop());
      }
      await Promise.all(stopped);
      sources.clear();
      await shared.connections.destroy();
    },
  };
}

/** The source of one pod's reports: its agent, or its model server if the agent reports no status. */
interface PodSource {
  /** Changes whenever another source is needed. */
  readonly address: string;
  current(): AgentFollower;
  modelAppeared(): void;
  modelGone(name: string): void;
  stop(): Promise<void>;
}

function createPodSource(
  address: string,
  pod: WatchedPod,
  inferenceService: ObjectKey,
  options: AgentFollowersOptions &
    Pick<AgentFollowerOptions, 'connections' | 'turns' | 'slots' | 'room'> & {
      readonly faulty: FaultyPods;
    },
): PodSource {
  const { connections, clock, onChange, modelsOf, isModelOf, observe, faulty } = options;
  const { name, namespace = '' } = pod.metadata;
  const changed = (models: Iterable<string> | undefined): void => {
    arrange();
    onChange(inferenceService, models);
  };
  let poller: AgentFollower | undefined;
  const stream = followAgent({
    ...{ ...options, baseUrl: `http://${address}`, group: namespace, inferenceService, onChange: changed },
    faultyPods: () => faulty.count(inferenceService),
    isModel: (model) => isModelOf(inferenceService, model),
    onIgnored: observe.ignored,
    onFault: (why, retryInMs) => {
      observe.fault();
      faulty.add(inferenceService, keyOf(pod));
      const message = 'the status stream of a predictor pod is invalid; it is disconnected and retried later';
      options.logger.warn({ pod: `${namespace}/${name}`, why, retryInMs }, message);
    },
  });

  /** Nothing listens on the status port of KServe's own agent. */
  function arrange(): void {
    const refused = stream.silence?.refused === true;
    if (refused && poller === undefined) {
      poller = pollReadiness({
        ...{ baseUrl: `http://${urlHostOf(pod)}:${pod.agentPort}`, connections, clock },
        ...{ names: () => modelsOf(inferenceService), onChange: changed },
      });
    } else if (stream.silence === undefined) {
      void poller?.stop();
      poller = undefined;
    }
  }

  return {
    address,
    modelAppeared: () => stream.modelAppeared(),
    modelGone: (model) => stream.modelGone(model),
    current: () => (poller?.silence === undefined ? (poller ?? stream) : stream),
    async stop() {
      faulty.forget(inferenceService, keyOf(pod));
      await Promise.all([stream.stop(), poller?.stop()]);
    },
  };
}

type PodSources = ReadonlyMap<ObjectKey, PodSource>;

/** An indexed loop over its own list: with a thousand pods, this dominates the cost of a status check. */
function viewsIn(sources: PodSources, model: string, pods: Iterable<WatchedPod>): ReplicaView[] {
  const views: ReplicaView[] = [];
  for (const pod of pods) {
    const follower = sources.get(keyOf(pod))?.current();
    if (follower !== undefined) views.push(viewOf(model, pod, follower));
  }
  return views;
}

function hasFailedIn(sources: PodSources, model: string, pods: Iterable<WatchedPod>): boolean {
  let asked = 0;
  for (const pod of pods) {
    if (asked++ === MOST_ASKED) return false;
    const follower = sources.get(keyOf(pod))?.current();
    if (follower?.silence === undefined && follower?.models.get(model)?.phase === 'Failed') return true;
  }
  return false;
}

function viewOf(name: string, pod: WatchedPod, { models, silence }: AgentFollower): ReplicaView {
  const shared = { pod: pod.metadata.name, ready: pod.ready };
  const model = models.get(name);
  if (silence !== undefined)
    return { kind: 'silent', ...shared, since: silence.since, why: silence.why, last: model };
  return model === undefined ? { kind: 'unreported', ...shared } : { kind: 'reported', ...shared, model };
}
