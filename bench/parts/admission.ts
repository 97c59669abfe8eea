import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/contract/names.ts';
import { atBaseUrl, baseUrlOf, withCaBundle } from '../../src/contract/webhook-configuration.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS, PODS } from '../../src/kube/resources.ts';
import { reviewAt } from '../../test/support/admission-review.ts';
import { dryRunContainers, predictorPod } from '../../test/support/predictor-pod.ts';
import { eventually } from '../../test/support/eventually.ts';
import { kubectl } from '../../test/support/kubectl.ts';
import { alternate } from '../bench-run.ts';
import type { Part } from '../bench-run.ts';
import { apiServerJob, runCaller } from '../load/run-caller.ts';
import { startInstantWebhook } from '../load/start-instant-webhook.ts';
import { startBenchCluster } from '../managers.ts';
import type { BenchCluster } from '../managers.ts';
import { admissionP50, podsASecond, webhookMean } from '../report/figure-names.ts';
import type { Contender, Sample } from '../report/results.ts';

const SERVICE = 'bench';
const CALLERS = [1, 16];
const CONTENDERS: readonly Contender[] = ['none', 'instant', 'kserve', 'ours'];
const WARM_UP_MS = 1_500;

/** Creation of pods, stored, without a webhook, with each of the two, and with an instant one. */
export const admission: Part = async ({ plan, record, say }) => {
  const { rounds, ms } = plan.admission;
  await alternate(CONTENDERS, rounds, async (contender, round) => {
    const scene = await prepare(contender);
    try {
      for (const callers of CALLERS) {
        const sample = await measure(scene.controlPlane, callers, ms);
        record(contender, sample);
        say(
          `round ${round + 1}, ${contender}: ${podsASecond(callers)}: ${sample[podsASecond(callers)]?.toFixed(1)}`,
        );
      }
    } finally {
      await scene.stop();
    }
  });
};

interface Scene {
  readonly controlPlane: ControlPlane;
  stop(): Promise<void>;
}

async function prepare(contender: Contender): Promise<Scene> {
  const cluster = await startBenchCluster(contender === 'instant' ? 'ours' : contender);
  try {
    if (contender === 'none') return cluster;
    await cluster.predictor(SERVICE);
    await untilInjected(cluster);
    return contender === 'instant' ? await withInstantWebhook(cluster) : cluster;
  } catch (thrown) {
    await cluster.stop();
    throw thrown;
  }
}

async function untilInjected({ client }: BenchCluster): Promise<void> {
  await eventually(async () => {
    const containers = await dryRunContainers(client, pod('first'));
    if (!containers.includes('agent')) throw new Error('the webhook does not inject yet');
  });
}

/** Replaces our manager by a webhook with the same registration and the same answer. */
async function withInstantWebhook(cluster: BenchCluster): Promise<Scene> {
  const { client, controlPlane, managerPid } = cluster;
  const configuration = await client.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name: WEBHOOK_CONFIGURATION });
  const port = Number(new URL(baseUrlOf(configuration) ?? '').port);
  const { response } = await reviewAt(port, await asReviewed(client));
  const webhook = await startInstantWebhook(response.patch ?? '');
  process.kill(managerPid, 'SIGKILL');
  const moved = withCaBundle(atBaseUrl(configuration, webhook.baseUrl), webhook.ca);
  await client.replace(MUTATING_WEBHOOK_CONFIGURATIONS, moved);
  await untilInjected(cluster);
  return {
    controlPlane,
    stop: async () => {
      webhook.stop();
      await cluster.stop();
    },
  };
}

/** The pod as a webhook receives it, with the API server's defaults. */
async function asReviewed(client: ApiClient): Promise<KubernetesObject> {
  const { metadata, ...rest } = pod('first');
  const { labels, ...others } = metadata;
  // Without its labels the API server calls no webhook.
  const filled = await client.create(PODS, { metadata: others, ...rest }, { dryRun: true });
  return { ...filled, metadata: { ...filled.metadata, ...(labels === undefined ? {} : { labels }) } };
}

/** The pod of a Deployment made by KServe's controller, with the annotations that its webhook reads. */
function pod(name: string) {
  return predictorPod(name, SERVICE, ({ metadata }) => {
    metadata.annotations = {
      'internal.serving.kserve.io/agent': 'true',
      'internal.serving.kserve.io/configVolumeName': `modelconfig-${SERVICE}-0`,
      'internal.serving.kserve.io/configMountPath': '/mnt/configs',
      'internal.serving.kserve.io/modelDir': '/mnt/models',
    };
  });
}

async function measure(controlPlane: ControlPlane, callers: number, ms: number): Promise<Sample> {
  const { metadata, ...rest } = pod('');
  const { name: _, ...others } = metadata;
  const body = JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Pod', ...rest },
    metadata: { ...others, generateName: 'bench-' },
  });
  const before = await webhookTimes(controlPlane);
  const report = await runCaller({
    ...(await apiServerJob(controlPlane)),
    ...{ path: '/api/v1/namespaces/default/pods', body, connections: callers, ms, warmUpMs: WARM_UP_MS },
  });
  const after = await webhookTimes(controlPlane);
  if (report.failures > 0) throw new Error(`pods were refused: ${JSON.stringify(report.statuses)}`);
  const asked = after.count - before.count;
  return {
    [podsASecond(callers)]: report.perSecond,
    [admissionP50(callers)]: report.p50,
    ...(asked === 0 ? {} : { [webhookMean(callers)]: ((after.sum - before.sum) / asked) * 1_000 }),
  };
}

/** All calls of mutating webhooks, in seconds. Source: https://kubernetes.io/docs/reference/instrumentation/metrics/ */
async function webhookTimes({ kubeconfigPath }: ControlPlane): Promise<{ sum: number; count: number }> {
  const text = await kubectl(kubeconfigPath, 'get', '--raw', '/metrics');
  const of = (field: 'sum' | 'count'): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`apiserver_admission_webhook_admission_duration_seconds_${field}{`))
      .filter((line) => line.includes('type="admit"'))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  return { sum: of('sum'), count: of('count') };
}
