import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { PODS } from '../../src/kube/resources.ts';
import { clientFor } from '../support/api-access.ts';
import { runCommand } from '../support/command-run.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { writeProgram } from '../support/envtest-mirror.ts';
import { installDefinitionsOf } from '../support/foreign-definitions.ts';
import { kubectl, kubectlEnvironment } from '../support/kubectl.ts';
import { startTestManager } from '../support/manager.ts';
import type { TestManager } from '../support/manager.ts';
import { paste, ROOT, shellOf } from '../support/page.ts';
import { measure, serveMetrics } from '../support/pod-metrics.ts';
import { withPlayedControllers } from '../support/played-controllers.ts';

const CERTIFICATES = 'certs/README.md';
const EXPOSING = 'docs/exposing.md';
const KIND = 'docs/kind.md';
const MIGRATION = 'docs/migration.md';
const PREDICTORS = 'docs/predictors.md';
const SIZING = 'docs/sizing.md';
const TROUBLESHOOTING = 'docs/troubleshooting.md';

/** The sections whose commands need a running example, with parts of their output. */
const WITH_THE_EXAMPLE: readonly (readonly [string, string, readonly RegExp[]])[] = [
  [
    TROUBLESHOOTING,
    'Whatever it is',
    [
      /^MODEL\s+INFERENCESERVICE\s+READY/m,
      /^iris\s+flowers\s+False/m,
      /^the first broken link is marked above$/m,
    ],
  ],
  [
    TROUBLESHOOTING,
    'A TrainedModel is not Ready',
    [
      /^iris\s+False\s+/m,
      /^ModelLoaded=\w+ NoReplicas (no predictor pod runs|1 predictor pod is starting)/m,
      /^IsMMSPredictor=True/m,
    ],
  ],
  [TROUBLESHOOTING, 'A model waits for memory', [/^2Gi$/m, /^iris\s+256Mi\s+\w+/m]],
  [TROUBLESHOOTING, 'A model fails', [/Kind:\s+TrainedModel/, /Scheduled/]],
  [TROUBLESHOOTING, 'A predictor pod has no agent', [/^kserve-container agent$/m]],
  [TROUBLESHOOTING, 'A model does not reach the pods', [/"modelName":"iris"/, /^flowers-predictor\s/m]],
  [TROUBLESHOOTING, 'A TrainedModel or a pod is refused', [/trainedmodel.*iris .*\(server dry run\)/]],
  [
    TROUBLESHOOTING,
    'Pods of InferenceServices cannot be created',
    [/lease\.coordination\.k8s\.io\/kserve-mms/],
  ],
  [TROUBLESHOOTING, 'Nothing changes any more', [/^\S+ \d{4}-\d\d-\d\dT/m]],
  [MIGRATION, "From KServe's own agent and controllers", [/MMS304: InferenceService of-modelmesh/]],
  [MIGRATION, 'From ModelMesh', [/^mms-example\/of-modelmesh$/m, /^NAMESPACE\s+NAME\s+MULTIMODEL$/m]],
  [CERTIFICATES, 'From cert-manager', []],
  [EXPOSING, 'By the Gateway API', [/^httproute\S+flowers created$/m, /^httproute\S+iris created$/m]],
  [EXPOSING, 'By an Ingress', [/^ingress\S+flowers created$/m]],
  [SIZING, 'Measure a model', [/^flowers-predictor +kserve-container +\d+m +213Mi/m]],
  [SIZING, 'Look at what is used', [/^flowers .* 1Gi\/2Gi/m, /^MODEL +/m]],
];

describe('the commands of the pages on a cluster with the example', () => {
  let controlPlane: ControlPlane;
  let manager: TestManager;

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    const { kubeconfigPath } = controlPlane;
    manager = await startTestManager({ kubeconfig: kubeconfigPath });
    await kubectl(kubeconfigPath, 'apply', '-k', join(ROOT, 'manifests/examples'));
    await kubectl(kubeconfigPath, 'apply', '-k', join(ROOT, 'manifests/crds'));
    await kubectl(kubeconfigPath, 'apply', '-f', join(ROOT, 'manifests/examples/predictor-pod.yaml'));
    await installDefinitionsOf('gateway-api', kubeconfigPath);
    await measurePod(controlPlane);
    const [before = ''] = await yamlOf(MIGRATION, /deploymentMode/);
    const file = join(controlPlane.directory, 'of-modelmesh.yaml');
    await writeFile(file, before.replace('name: iris', 'name: of-modelmesh'));
    await kubectl(kubeconfigPath, '-n', 'mms-example', 'apply', '-f', file);
    await eventually(async () => {
      const reasons = await kubectl(
        kubeconfigPath,
        ...['-n', 'mms-example', 'get', 'trainedmodels', '-o'],
        'jsonpath={.items[*].status.conditions[?(@.type=="ModelLoaded")].reason}',
      );
      expect(reasons.split(' ')).toHaveLength(3);
      expect(await kubectl(kubeconfigPath, '-n', 'mms-example', 'get', 'events')).toContain('Scheduled');
    });
  });

  afterAll(async () => {
    await manager.stop();
    await controlPlane.stop();
  });

  it.each(WITH_THE_EXAMPLE)('%s, "%s": print the documented output', async (page, section, shown) => {
    const env = await kubectlEnvironment(controlPlane.kubeconfigPath);
    const output = await paste(await shellOf(page, section), { env });
    for (const words of shown) expect(output).toMatch(words);
  });
});

describe('the commands of the pages on a cluster without KServe', () => {
  let controlPlane: ControlPlane;

  beforeAll(async () => {
    controlPlane = await testControlPlane();
  });
  afterAll(() => controlPlane.stop());

  it('install it on kind and serve a model', async () => {
    const { kubeconfigPath } = controlPlane;
    const env = await kubectlEnvironment(kubeconfigPath);
    const bin = await mkdtemp(join(tmpdir(), 'kserve-mms-kind-'));
    try {
      // kind and npm are fake programs that print their arguments.
      for (const name of ['kind', 'npm']) await writeProgram(bin, name, `echo ${name} "$@"`);
      const script = `PATH="${bin}:$PATH"\n${await shellOf(KIND, 'Install it on kind')}`;
      const output = await withPlayedControllers(kubeconfigPath, () => paste(script, { env }));
      expect(output).toMatch(/^npm run image$/m);
      expect(output).toMatch(/^kind load image-archive dist-image\/kserve-mms-\S+\.oci\.tar --name mms$/m);
      expect(output).toContain('successfully rolled out');
      expect(await paste(await shellOf(KIND, 'Serve a model'), { env })).toMatch(
        /^trainedmodel\S+iris created$/m,
      );
    } finally {
      await rm(bin, { recursive: true });
    }
  });

  it('install it with predictors', async () => {
    const { kubeconfigPath } = controlPlane;
    const env = await kubectlEnvironment(kubeconfigPath);
    const script = await shellOf(PREDICTORS, 'Predictors without KServe');
    const output = await withPlayedControllers(kubeconfigPath, () => paste(script, { env }));
    expect(output).toMatch(/^flowers\s/m);
    expect(await kubectl(kubeconfigPath, 'get', 'clusterservingruntimes')).toContain('kserve-mlserver');
  });
});

describe('the manifests on the pages', () => {
  it('are valid: the ModelMesh one before the migration, and without findings after it', async () => {
    const [after = '', before = ''] = await yamlOf(MIGRATION, /TrainedModel/, /deploymentMode/);
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-pages-'));
    try {
      await writeFile(join(directory, 'after.yaml'), after);
      const outcome = await runCommand(['analyze', '-f', directory, '--fail-on', 'info']);
      expect(outcome).toMatchObject({ code: 0, stdout: '' });
      await writeFile(join(directory, 'before.yaml'), before);
      expect((await runCommand(['analyze', '-f', directory])).stdout).toContain(
        'MMS304: InferenceService iris',
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

/** The metrics of the example's pod, as metrics-server serves them. */
async function measurePod(controlPlane: ControlPlane): Promise<void> {
  await serveMetrics(controlPlane.kubeconfigPath);
  const client = clientFor(controlPlane);
  try {
    const pod = await client.get(PODS, { namespace: 'mms-example', name: 'flowers-predictor' });
    await measure(client, pod, { 'kserve-container': { cpu: '12m', memory: '213Mi' } });
  } finally {
    await client.close();
  }
}

/** The YAML blocks of a page that match each of the patterns. */
async function yamlOf(page: string, ...words: readonly RegExp[]): Promise<string[]> {
  const text = await readFile(join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, block = '']) => block);
  return words.map((word) => blocks.find((block) => word.test(block)) ?? '');
}
