import type { Clock, Random } from '../core/clock.ts';
import { keyOf } from '../core/kubernetes.ts';
import type { ObjectKey } from '../core/kubernetes.ts';
import { isFinished, keyOfWatchedPod } from '../core/watched-pod.ts';
import type { WatchedPod } from '../core/watched-pod.ts';
import type { ReplicaView } from '../core/replica-view.ts';
import { agentConnections, followAgent } from '../reconciler/agent-follower.ts';
import type { AgentFollower } from '../reconciler/agent-follower.ts';

export interface AgentFollowersOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Told of the models of an InferenceService that may be different now; of all of them when undefined. */
  readonly onChange: (inferenceService: ObjectKey, models: Iterable<string> | undefined) => void;
}

/** One follower for each predictor pod with an agent, by InferenceService. */
export interface AgentFollowers {
  /** The pod is now like this. */
  keep(pod: WatchedPod): void;
  forget(pod: WatchedPod): void;
  /** What is known of one model on each of these pods. */
  viewsOf(model: string, pods: Iterable<WatchedPod>): ReplicaView[];
  stop(): Promise<void>;
}

/** Whether the pod has an agent that has models, or will have. */
export function servesModels(pod: WatchedPod): boolean {
  return (
    pod.agentStatusPort !== undefined &&
    !isFinished(pod) &&
    pod.configMaps.some((name) => name.startsWith(`modelconfig-${pod.inferenceService ?? ''}-`))
  );
}

export function createAgentFollowers({ clock, random, onChange }: AgentFollowersOptions): AgentFollowers {
  const connections = agentConnections();
  const followers = new Map<ObjectKey, { readonly baseUrl: string; readonly follower: AgentFollower }>();

  function end(key: ObjectKey): void {
    void followers.get(key)?.follower.stop();
    followers.delete(key);
  }

  return {
    keep(pod) {
      const key = keyOf(pod);
      const baseUrl = servesModels(pod) ? baseUrlOf(pod) : undefined;
      if (followers.get(key)?.baseUrl === baseUrl) return;
      end(key);
      const inferenceService = keyOfWatchedPod(pod);
      if (baseUrl === undefined || inferenceService === undefined) return;
      const follower = followAgent({
        ...{ baseUrl, connections, clock, random },
        onChange: (models) => onChange(inferenceService, models),
      });
      followers.set(key, { baseUrl, follower });
    },
    forget: (pod) => end(keyOf(pod)),
    viewsOf: (model, pods) =>
      [...pods].flatMap((pod): ReplicaView[] => {
        const follower = followers.get(keyOf(pod))?.follower;
        return follower === undefined ? [] : [viewOf(model, pod, follower)];
      }),
    async stop() {
      await Promise.all([...followers.values()].map(({ follower }) => follower.stop()));
      followers.clear();
      await connections.destroy();
    },
  };
}

function viewOf(name: string, pod: WatchedPod, { models, silence }: AgentFollower): ReplicaView {
  const shared = { pod: pod.metadata.name, ready: pod.ready };
  const model = models.get(name);
  if (silence !== undefined)
    return { kind: 'silent', ...shared, since: silence.since, why: silence.why, last: model };
  return model === undefined ? { kind: 'untold', ...shared } : { kind: 'told', ...shared, model };
}

function baseUrlOf({ podIP, agentStatusPort }: WatchedPod): string | undefined {
  if (podIP === undefined || agentStatusPort === undefined) return undefined;
  return `http://${podIP.includes(':') ? `[${podIP}]` : podIP}:${agentStatusPort}`;
}
