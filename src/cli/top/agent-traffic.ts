import { seconds } from '../../lib/clock.ts';
import { eachAtOnce } from '../../lib/each-at-once.ts';
import { messageOf } from '../../lib/errors.ts';
import { readMetrics } from '../../lib/metrics-text.ts';
import { trafficIn } from '../../contract/model-traffic.ts';
import { AGENT_METRICS } from '../../contract/residency-figures.ts';
import { podResidency } from './top-residency.decide.ts';
import type { PodTraffic } from './top-report.decide.ts';
import { hasStarted } from '../../contract/watched-pod.ts';
import type { WatchedPod } from '../../contract/watched-pod.ts';
import type { ApiClient } from '../../kube/api-client.ts';

/** Each is a connection that the API server opens to a pod. */
const AT_ONCE = 8;
const ASK_TIMEOUT = seconds(10);
/** 9,000 models, as many as one ConfigMap holds, have 16 MiB of metrics with their buckets. */
const MAX_ANSWER = 32 * 1024 * 1024;

/** Asks the agent of each pod for its metrics, a few at once, by way of the API server; never rejects. In the order given. */
export async function askTraffic(client: ApiClient, pods: readonly WatchedPod[]): Promise<PodTraffic[]> {
  const answers = new Map<WatchedPod, PodTraffic>();
  await eachAtOnce(pods, AT_ONCE, async (pod) => void answers.set(pod, await askOne(client, pod)));
  return pods.flatMap((pod) => answers.get(pod) ?? []);
}

async function askOne(client: ApiClient, pod: WatchedPod): Promise<PodTraffic> {
  const { namespace = '', name } = pod.metadata;
  const { agentStatusPort: port, inferenceService = '' } = pod;
  const place = { namespace, pod: name, inferenceService };
  if (port === undefined) return { ...place, models: undefined, why: 'it has no agent' };
  if (!hasStarted(pod)) return { ...place, models: undefined, why: 'it does not run yet' };
  try {
    const request = { namespace, pod: name, port, path: '/metrics', maxBytes: MAX_ANSWER };
    const { status, text } = await client.askPod(request, { timeout: ASK_TIMEOUT });
    if (status === 200) {
      const samples = readMetrics(text, AGENT_METRICS);
      const residency = podResidency(samples);
      return { ...place, models: trafficIn(samples), ...(residency !== undefined && { residency }) };
    }
    return { ...place, models: undefined, why: `its agent answered ${status}` };
  } catch (thrown) {
    return { ...place, models: undefined, why: messageOf(thrown) };
  }
}
