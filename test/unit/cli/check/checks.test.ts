import { describe, expect, it } from '@jest/globals';
import { seconds } from '../../../../src/lib/clock.ts';
import type { EpochMs } from '../../../../src/lib/clock.ts';
import { CHECKS } from '../../../../src/cli/check/checks.decide.ts';
import type { CheckId } from '../../../../src/cli/check/checks.decide.ts';
import { installedChecks } from '../../../../src/cli/check/installed-checks.decide.ts';
import type { InstalledFacts } from '../../../../src/cli/check/installed-checks.decide.ts';
import { preChecks } from '../../../../src/cli/check/pre-checks.decide.ts';
import type { PreFacts } from '../../../../src/cli/check/pre-checks.decide.ts';
import { POD_RULES } from '../../../../src/contract/webhook-configuration.ts';
import type { Lookup } from '../../../../src/lib/lookup.ts';

const NOW = Date.parse('2026-01-01T00:00:30Z') as EpochMs;
const known = <T>(value: T): Lookup<T> => ({ kind: 'known', value });
const DENIED = { kind: 'unreadable', why: 'forbidden' } as const;
const definition = (name: string, served = true) =>
  known({ metadata: { name: 'x' }, spec: { versions: [{ name, served }] } });
const DEFINITIONS = { inferenceServices: definition('v1beta1'), trainedModels: definition('v1alpha1') };
const deployment = (readyReplicas: number) =>
  known({ metadata: { name: 'm' }, spec: { replicas: 2 }, status: { readyReplicas } });
const right = (name: string, allowed = true, unless?: string) => ({
  right: name,
  unless,
  allowed: known(allowed),
});
const webhooks = [
  {
    name: 'w',
    clientConfig: { service: { namespace: 'n', name: 's' }, caBundle: btoa('pem') },
    rules: POD_RULES,
  },
];

const OFF = { metadata: { name: 'w' }, webhooks: webhooks.map(({ rules: _rules, ...rest }) => rest) };

const WELL: InstalledFacts = {
  installation: {
    namespace: 'n',
    lease: known({ holder: 'a', renewTime: '2026-01-01T00:00:25Z', durationSeconds: 15 }),
    webhook: known({ metadata: { name: 'kserve-mms' }, webhooks }),
    trustedUntil: (NOW + seconds(3600)) as EpochMs,
    reached: known(true),
    first: 'allocated',
  },
  definitions: DEFINITIONS,
  deployment: deployment(2),
  managerRights: [right('list pods'), right('patch pods', true, '--no-propagate')],
  modelWebhook: known({ metadata: { name: 'kserve-mms' }, webhooks }),
  systemConfig: known(undefined),
  trialPod: known({ kind: 'seen' }),
  goodModel: known('let in'),
  badModel: known('refused'),
  warnBefore: seconds(60),
  now: NOW,
};

describe('the checks of an installation', () => {
  it('are all ok for a healthy installation', () => {
    expect(installedChecks(WELL).map(({ outcome }) => outcome)).toEqual(Array(11).fill('ok'));
  });

  it('report a webhook that is not enabled yet, and what it waits for', () => {
    const installation = { ...WELL.installation, webhook: known(OFF) };
    const found = installedChecks({ ...WELL, installation }).filter(({ outcome }) => outcome !== 'ok');
    expect(found).toMatchObject([{ id: 'pod-webhook-registered', outcome: 'failed' }]);
    expect(found[0]?.message).toContain('not enabled yet');
    expect(found[0]?.advice).toMatch(/^wait: the manager enables it once/);
  });

  it('report a missing Deployment, and how to create it', () => {
    const found = installedChecks({ ...WELL, deployment: known(undefined) }).filter(
      ({ outcome }) => outcome !== 'ok',
    );
    expect(found).toMatchObject([{ id: 'deployment-ready', outcome: 'warning' }]);
    expect(found[0]?.advice).toContain('kubectl apply -k');
  });

  const CASES: readonly [what: string, change: Partial<InstalledFacts>, id: CheckId, outcome: string][] = [
    [
      'a kind is missing',
      { definitions: { ...DEFINITIONS, trainedModels: known(undefined) } },
      'definitions-served',
      'failed',
    ],
    [
      'a version of a kind is not served',
      { definitions: { ...DEFINITIONS, inferenceServices: definition('v1beta1', false) } },
      'definitions-served',
      'failed',
    ],
    ['no replica is ready', { deployment: deployment(0) }, 'deployment-ready', 'failed'],
    ['one of two is ready', { deployment: deployment(1) }, 'deployment-ready', 'warning'],
    ['Deployments cannot be read', { deployment: DENIED }, 'deployment-ready', 'unknown'],
    ['a permission is missing', { managerRights: [right('list pods', false)] }, 'manager-may-work', 'failed'],
    [
      'an optional permission is missing',
      { managerRights: [right('list pods'), right('patch pods', false, '--no-propagate')] },
      'manager-may-work',
      'warning',
    ],
    [
      'permissions cannot be checked',
      { managerRights: [{ right: 'list pods', allowed: DENIED }] },
      'manager-may-work',
      'unknown',
    ],
    [
      'the service account of the manager is unknown',
      { managerRights: undefined },
      'manager-may-work',
      'unknown',
    ],
    [
      'there is no webhook for TrainedModels',
      { modelWebhook: known(undefined) },
      'model-webhook-registered',
      'warning',
    ],
    [
      'the webhook for TrainedModels is not enabled',
      { modelWebhook: known(OFF) },
      'model-webhook-registered',
      'warning',
    ],
    ['the trusted certificate expires soon', { warnBefore: seconds(7200) }, 'webhook-trusted', 'warning'],
    [
      'the trusted certificate has expired',
      { installation: { ...WELL.installation, trustedUntil: NOW } },
      'webhook-trusted',
      'failed',
    ],
    [
      'the webhook is not reachable',
      { installation: { ...WELL.installation, reached: known(false) } },
      'webhook-reached',
      'failed',
    ],
    [
      'pods bypass the webhook',
      { trialPod: known({ kind: 'unseen', namespace: 'n' }) },
      'pod-webhook-answers',
      'failed',
    ],
    [
      'calls of the webhook fail',
      { trialPod: known({ kind: 'failed', message: 'x509: unknown authority' }) },
      'pod-webhook-answers',
      'failed',
    ],
    ['pods cannot be created', { trialPod: DENIED }, 'pod-webhook-answers', 'unknown'],
    ['invalid models are admitted', { badModel: known('let in') }, 'model-webhook-answers', 'warning'],
    // In this case, the rejection of an invalid model proves nothing.
    ['valid models are rejected', { goodModel: known('refused') }, 'model-webhook-answers', 'unknown'],
    [
      "KServe's configuration is broken",
      { systemConfig: known({ metadata: { name: 'c' }, data: { agent: '{' } }) },
      'system-config-readable',
      'warning',
    ],
  ];

  it.each(CASES)('when %s: %#', (_what, change, id, outcome) => {
    const found = installedChecks({ ...WELL, ...change }).filter((check) => check.outcome !== 'ok');
    // An unknown result has no advice.
    const advice = outcome === 'unknown' ? undefined : CHECKS[id].advice;
    expect(found.map((check) => [check.id, check.outcome, check.advice])).toEqual([[id, outcome, advice]]);
  });
});

describe('the checks before an installation', () => {
  const READY: PreFacts = {
    serverVersion: known('v1.36.3'),
    rights: [{ right: 'create namespaces', allowed: known(true) }],
    definitions: DEFINITIONS,
    kserveLease: known(undefined),
    certificates: known(undefined),
    nodes: known([]),
    now: NOW,
  };
  const heldBy = (holder: string, secondsAgo = 1) => ({
    kserveLease: known({
      ...{ holder, durationSeconds: 15 },
      renewTime: new Date(NOW - secondsAgo * 1_000).toISOString(),
    }),
  });
  const nothing = { inferenceServices: known(undefined), trainedModels: known(undefined) };

  it.each([
    ['KServe runs', heldBy('kserve-0'), /runs \(kserve-0\): install manifests\/overlays\/beside-kserve/],
    [
      'KServe ran before',
      heldBy('kserve-0', 3_600),
      /last renewed its Lease 60m ago \(kserve-0\): .*\/beside-kserve; .*default/,
    ],
    ['KServe has released its Lease', heldBy(''), /its controller does not run/],
    ['only the kinds of KServe exist', {}, /its controller does not run/],
    ['kserve-mms has taken over', heldBy('kserve-mms/n'), /its controller does not run/],
    ['KServe is not installed', { definitions: nothing }, /manifests\/default, which brings the definitions/],
  ])('name the overlay when %s', (_what, change, words) => {
    const found = preChecks({ ...READY, ...change }).find(({ id }) => id === 'kserve-found');
    expect(found).toMatchObject({ outcome: 'ok', message: expect.stringMatching(words) });
  });

  it.each([
    ['v1.30.0', 'ok'],
    ['v1.30.14-gke.1000', 'ok'],
    ['v2.0.0', 'ok'],
    ['v1.29.9', 'failed'],
    ['v0.99.0', 'failed'],
    ['an invalid version', 'unknown'],
  ])('report Kubernetes %s as %s', (version, outcome) => {
    const found = preChecks({ ...READY, serverVersion: known(version) });
    expect(found.find(({ id }) => id === 'kubernetes-supported')).toMatchObject({
      outcome,
      message: expect.stringContaining(version),
    });
  });

  const node = (...names: string[]) => ({ metadata: { name: 'n' }, status: { images: [{ names }] } });
  it.each<[what: string, nodes: PreFacts['nodes'], outcome: string, words: RegExp]>([
    [
      'all have it',
      known([node('docker.io/library/kserve-mms:0.2.0'), node('kserve-mms:0.2.0')]),
      'ok',
      /every node/,
    ],
    [
      'some have it',
      known([node('a', 'kserve-mms:0.2.0'), node('other')]),
      'unknown',
      /^1 of 2 nodes .* no pod is refused$/,
    ],
    ['there are no nodes', known([]), 'unknown', /^0 of 0/],
    ['nodes cannot be listed', DENIED, 'unknown', /forbidden/],
  ])('report what is known of the image on the nodes when %s', (_what, nodes, outcome, words) => {
    const found = preChecks({ ...READY, nodes }).find(({ id }) => id === 'image-on-nodes');
    expect(found).toMatchObject({ outcome, message: expect.stringMatching(words) });
  });

  it('fail for missing permissions, and list them', () => {
    const rights = [...READY.rights, { right: 'create clusterroles', allowed: known(false) }];
    expect(preChecks({ ...READY, rights }).find(({ id }) => id === 'may-install')).toMatchObject({
      outcome: 'failed',
      message: 'you may not: create clusterroles',
    });
  });
});
