import type { EpochMs, Milliseconds } from '../../lib/clock.ts';
import type { InstallationFacts } from '../../explanation/facts.decide.ts';
import {
  checkLease,
  checkReached,
  checkRegistered,
  checkTrusted,
} from '../../explanation/installation-steps.decide.ts';
import { isRecord, recordsIn } from '../../lib/json.ts';
import type { Lookup } from '../../lib/lookup.ts';
import type { ConfigMap, KubernetesObject } from '../../contract/kubernetes.ts';
import { SYSTEM_CONFIG, WEBHOOK_CONFIGURATION } from '../../contract/names.ts';
import { readSystemConfig } from '../../contract/system-config.ts';
import { isSwitchedOn } from '../../contract/webhook-configuration.ts';
import type { WebhookConfiguration } from '../../contract/webhook-configuration.ts';
import { APPLY, check, checkOf } from './checks.decide.ts';
import type { Check } from './checks.decide.ts';
import { managerRightsCheck } from './manager-rights.decide.ts';
import type { RightFacts } from './rights.decide.ts';

/** A CustomResourceDefinition or a Deployment as raw JSON. */
export interface RawObject extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** What happened to a TrainedModel that was created for a trial. */
export type Trial = 'refused' | 'let in';

/** The same of a pod; `unseen`: it was let in, and the webhook was not asked. */
export type PodTrial =
  | { readonly kind: 'seen' }
  | { readonly kind: 'unseen'; readonly namespace: string }
  | { readonly kind: 'failed'; readonly message: string };

export interface InstalledFacts {
  readonly installation: InstallationFacts;
  readonly definitions: DefinitionFacts;
  readonly deployment: Lookup<RawObject | undefined>;
  /** Undefined where it is not known as whom the manager runs. */
  readonly managerRights: readonly RightFacts[] | undefined;
  readonly modelWebhook: Lookup<WebhookConfiguration | undefined>;
  readonly systemConfig: Lookup<ConfigMap | undefined>;
  readonly trialPod: Lookup<PodTrial>;
  /** A good TrainedModel, and one that cannot work. */
  readonly goodModel: Lookup<Trial>;
  readonly badModel: Lookup<Trial>;
  /** For less than this the certificate authority may not be valid any more. */
  readonly warnBefore: Milliseconds;
  readonly now: EpochMs;
}

export interface DefinitionFacts {
  readonly inferenceServices: Lookup<RawObject | undefined>;
  readonly trainedModels: Lookup<RawObject | undefined>;
}

/** Whether an installation is well, check by check. */
export function installedChecks(facts: InstalledFacts): readonly Check[] {
  const { installation, now } = facts;
  return [
    definitionsCheck(facts.definitions),
    deploymentCheck(facts.deployment),
    managerRightsCheck(facts.managerRights),
    checkOf('lease-held', checkLease(installation, now)),
    checkOf('pod-webhook-registered', checkRegistered(installation)),
    modelWebhookCheck(facts.modelWebhook),
    trustCheck(facts),
    checkOf('webhook-reached', checkReached(installation)),
    trialPodCheck(facts.trialPod),
    trialModelsCheck(facts),
    systemConfigCheck(facts.systemConfig),
  ];
}

/** KServe's kinds in the versions that the manager watches. */
export function definitionsCheck({ inferenceServices, trainedModels }: DefinitionFacts): Check {
  const id = 'definitions-served';
  for (const [fact, kind, version] of [
    [inferenceServices, 'InferenceService', 'v1beta1'],
    [trainedModels, 'TrainedModel', 'v1alpha1'],
  ] as const) {
    if (fact.kind === 'unreadable') return check(id, { outcome: 'unknown', message: fact.why });
    if (fact.value === undefined) return check(id, { outcome: 'failed', message: `${kind} is not defined` });
    if (!serves(fact.value, version))
      return check(id, { outcome: 'failed', message: `${kind} is not served as ${version}` });
  }
  return check(id, {
    outcome: 'ok',
    message: 'InferenceService v1beta1 and TrainedModel v1alpha1 are served',
  });
}

function serves({ spec }: RawObject, version: string): boolean {
  const versions = recordsIn(isRecord(spec) ? spec['versions'] : undefined);
  return versions.some(({ name, served }) => name === version && served === true);
}

/** A manager outside of the cluster has no Deployment. */
function deploymentCheck(deployment: InstalledFacts['deployment']): Check {
  const id = 'deployment-ready';
  if (deployment.kind === 'unreadable') return check(id, { outcome: 'unknown', message: deployment.why });
  if (deployment.value === undefined) {
    const message = 'there is no Deployment of the manager: it runs elsewhere, or not at all';
    return { ...check(id, { outcome: 'warning', message }), advice: `if it should run here: ${APPLY}` };
  }
  const { spec, status } = deployment.value;
  const wanted = numberIn(spec, 'replicas') ?? 1;
  const ready = numberIn(status, 'readyReplicas') ?? 0;
  const outcome = ready === 0 ? 'failed' : ready < wanted ? 'warning' : 'ok';
  return check(id, { outcome, message: `${ready} of ${wanted} replicas are ready` });
}

function numberIn(part: unknown, field: string): number | undefined {
  const value = isRecord(part) ? part[field] : undefined;
  return typeof value === 'number' ? value : undefined;
}

function modelWebhookCheck(webhook: InstalledFacts['modelWebhook']): Check {
  const id = 'model-webhook-registered';
  if (webhook.kind === 'unreadable') return check(id, { outcome: 'unknown', message: webhook.why });
  const what = `ValidatingWebhookConfiguration ${webhook.value?.metadata.name ?? WEBHOOK_CONFIGURATION}`;
  const passed = 'bad TrainedModels are let in';
  if (webhook.value === undefined)
    return check(id, { outcome: 'warning', message: `there is no ${what}: ${passed}` });
  return isSwitchedOn(webhook.value)
    ? check(id, { outcome: 'ok', message: `${what} is there` })
    : check(id, { outcome: 'warning', message: `${what} is not switched on yet: ${passed}` });
}

function trustCheck({ installation, warnBefore, now }: InstalledFacts): Check {
  const found = checkOf('webhook-trusted', checkTrusted(installation, now));
  const { trustedUntil } = installation;
  if (found.outcome !== 'ok' || trustedUntil === undefined || trustedUntil - now >= warnBefore) return found;
  return check('webhook-trusted', { outcome: 'warning', message: `${found.message}, which is soon` });
}

function trialPodCheck(trial: InstalledFacts['trialPod']): Check {
  const id = 'pod-webhook-answers';
  if (trial.kind === 'unreadable') return check(id, { outcome: 'unknown', message: trial.why });
  const { value } = trial;
  switch (value.kind) {
    case 'seen':
      return check(id, { outcome: 'ok', message: 'a pod of an InferenceService comes by the webhook' });
    case 'unseen':
      return check(id, {
        outcome: 'failed',
        message: `a pod of an InferenceService is let into namespace ${value.namespace} without the webhook`,
      });
    case 'failed':
      return check(id, { outcome: 'failed', message: value.message });
  }
}

/** Only where a good one is let in does the refusal of a bad one say anything. */
function trialModelsCheck({ goodModel, badModel }: InstalledFacts): Check {
  const id = 'model-webhook-answers';
  const unknown = [goodModel, badModel].find((trial) => trial.kind === 'unreadable');
  if (unknown?.kind === 'unreadable') return check(id, { outcome: 'unknown', message: unknown.why });
  if (goodModel.kind === 'known' && goodModel.value === 'refused')
    return check(id, {
      outcome: 'unknown',
      message: 'you may not create TrainedModels here, or a good one is refused',
    });
  return badModel.kind === 'known' && badModel.value === 'refused'
    ? check(id, { outcome: 'ok', message: 'a TrainedModel that cannot work is refused' })
    : check(id, {
        outcome: 'warning',
        message: 'a TrainedModel that cannot work is let in: the webhook does not answer',
      });
}

function systemConfigCheck(systemConfig: InstalledFacts['systemConfig']): Check {
  const id = 'system-config-readable';
  if (systemConfig.kind === 'unreadable') return check(id, { outcome: 'unknown', message: systemConfig.why });
  const where = `ConfigMap ${SYSTEM_CONFIG.namespace}/${SYSTEM_CONFIG.name}`;
  const { config, faults } = readSystemConfig(systemConfig.value?.data, undefined);
  if (faults.length > 0) {
    const each = faults.map(({ key, message }) => `${key} ${message}`).join('; ');
    return check(id, { outcome: 'warning', message: `${where}: ${each}` });
  }
  const image = `the agent's image is ${config.agent.image} unless the manager was given another`;
  return check(id, {
    outcome: 'ok',
    message: systemConfig.value === undefined ? `there is no ${where}; ${image}` : image,
  });
}
