import type { ControlPlane } from '../../src/controlplane/control-plane.ts';
import { dryRunContainers, predictorPod } from '../../test/support/predictor-pod.ts';
import { eventually } from '../../test/support/eventually.ts';
import { kubectl } from '../../test/support/kubectl.ts';
import { alternate } from '../bench-run.ts';
import type { Part } from '../bench-run.ts';
import { apiServerJob, runCaller } from '../load/run-caller.ts';
import { startBenchCluster } from '../managers.ts';
import type { BenchCluster } from '../managers.ts';
import { admissionP50, podsASecond, webhookMean } from '../report/figure-names.ts';
import type { Contender, Sample } from '../report/results.ts';

const SERVICE = 'bench';
const CALLERS = [1, 16];
const CONTENDERS: readonly Contender[] = ['none', 'kserve', 'ours'];
const WARM_UP_MS = 1_500;

/** Pods that are created, and stored, without a webhook and with each of the two. */
export const admission: Part = async ({ plan, record, say }) => {
  const { rounds, ms } = plan.admission;
  await alternate(CONTENDERS, rounds, async (contender, round) => {
    const cluster = await startBenchCluster(contender);
    try {
      if (contender !== 'none') await prepare(cluster);
      for (const callers of CALLERS) {
        const sample = await measure(cluster.controlPlane, callers, ms);
        record(contender, sample);
        say(
          `round ${round + 1}, ${contender}: ${podsASecond(callers)}: ${sample[podsASecond(callers)]?.toFixed(1)}`,
        );
      }
    } finally {
      await cluster.stop();
    }
  });
};

async function prepare({ predictor, client }: BenchCluster): Promise<void> {
  await predictor(SERVICE);
  await eventually(async () => {
    const containers = await dryRunContainers(client, pod('first'));
    if (!containers.includes('agent')) throw new Error('the webhook does not inject yet');
  });
}

/** As KServe's controller has a Deployment make it: with the annotations that its webhook goes by. */
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
