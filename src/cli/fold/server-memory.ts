import { residentMemoryOf } from '../../agent/model-server/resident-memory.decide.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { CONTAINERS } from '../../contract/names.ts';
import { isPod } from '../../contract/pod.ts';
import { componentPort } from '../../contract/served-component.ts';
import { isFinished, watchedPod } from '../../contract/watched-pod.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { seconds } from '../../lib/clock.ts';
import { eachAtOnce } from '../../lib/each-at-once.ts';
import { bytes } from '../../lib/quantity.ts';
import { milliCpu } from './amounts.decide.ts';
import type { Usage } from './facts.decide.ts';

/** Each is a connection from the API server to a pod. */
const AT_ONCE = 8;
const TIMEOUT = seconds(5);
const MAX_ANSWER = 8 * 1024 * 1024;
/** Annotations with which KServe's runtimes give the address of their metrics. */
const ANNOTATIONS = { port: 'prometheus.kserve.io/port', path: 'prometheus.kserve.io/path' } as const;
/** MLServer's port, whatever its runtime says: https://mlserver.readthedocs.io/en/latest/user-guide/metrics.html */
const MLSERVER_PORT = 8082;

/**
 * The memory that the model servers of these pods report, read through the API server. Servers that do not report are
 * left out.
 */
export async function usageByServers(
  client: Pick<ApiClient, 'askPod'>,
  pods: readonly KubernetesObject[],
): Promise<Usage> {
  const usage = new Map<string, { cpu: ReturnType<typeof milliCpu>; memory: ReturnType<typeof bytes> }>();
  const running = pods.filter((pod) => !isFinished(watchedPod(pod)));
  await eachAtOnce(running, AT_ONCE, async (pod) => {
    const { namespace = '', name } = pod.metadata;
    const memory = await memoryOf(client, pod);
    // Their CPU metric is a total since the start, which does not show the current use.
    if (memory !== undefined)
      usage.set(`${namespace}/${name}/${CONTAINERS.modelServer}`, {
        cpu: milliCpu(0),
        memory: bytes(memory),
      });
  });
  return usage;
}

async function memoryOf(
  client: Pick<ApiClient, 'askPod'>,
  pod: KubernetesObject,
): Promise<number | undefined> {
  const { namespace = '', name, annotations = {} } = pod.metadata;
  const path = annotations[ANNOTATIONS.path] ?? '/metrics';
  const said = Number(annotations[ANNOTATIONS.port]);
  const own = Number.isInteger(said) && said > 0 ? said : isPod(pod) ? componentPort(pod) : undefined;
  for (const port of new Set([own, MLSERVER_PORT])) {
    if (port === undefined) continue;
    try {
      const request = { namespace, pod: name, port, path, maxBytes: MAX_ANSWER };
      const { status, text } = await client.askPod(request, { timeout: TIMEOUT });
      const memory = residentMemoryOf({ kind: 'answer', status, body: text });
      if (memory !== undefined) return Math.round(memory);
    } catch {
      // Unknown on this port.
    }
  }
  return undefined;
}
