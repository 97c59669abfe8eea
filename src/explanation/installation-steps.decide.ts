import type { EpochMs } from '../lib/clock.ts';
import { baseUrlOf, caBundleOf, isSwitchedOn } from '../contract/webhook-configuration.ts';
import { broken, ok, unknown } from './chain.decide.ts';
import type { StepResult } from './chain.decide.ts';
import { valueOf } from '../lib/lookup.ts';
import { firstUnmet } from '../contract/kubernetes.ts';
import type { InstallationFacts, LeaseFacts, PredictorFacts } from './facts.decide.ts';
import { age } from '../lib/age.ts';
import { PART_OF, WEBHOOK_CONFIGURATION } from '../contract/names.ts';

/** A leader may be away this much longer than its Lease during a takeover: the time to notice and to acquire it. */
const TAKEOVER_SECONDS = 10;

/** Whether a manager leads, from the current state of its Lease. */
export function checkLease({ lease, namespace }: InstallationFacts, now: EpochMs): StepResult {
  if (lease.kind === 'unreadable') return unknown(`the manager's Lease cannot be read: ${lease.why}`);
  const where = `Lease ${PART_OF} in namespace ${namespace}`;
  if (lease.value === undefined) {
    return broken(`there is no ${where}: no manager has ever run there`, NOT_INSTALLED);
  }
  if (lease.value.holder === '') return broken(`${where} has no holder: no manager runs`);
  const { holder, renewTime } = lease.value;
  if (isStale(lease.value, now)) {
    return broken(
      `${holder} holds ${where}, but last renewed it ${age(renewTime, now)} ago: no manager runs`,
    );
  }
  return ok(`${holder} leads`);
}

const NOT_INSTALLED =
  'install the manager (docs/install.md), or name the namespace it is in with --manager-namespace';

/** Whether a Lease was not renewed for so long that its holder has died, as far as clocks of two machines agree. */
export function isStale({ renewTime, durationSeconds }: LeaseFacts, now: EpochMs): boolean {
  const renewed = Date.parse(renewTime ?? '');
  return Number.isNaN(renewed) || now - renewed > (durationSeconds + TAKEOVER_SECONDS) * 1000;
}

export function checkRegistered({ webhook }: InstallationFacts): StepResult {
  if (webhook.kind === 'unreadable')
    return unknown(`the webhook configuration cannot be read: ${webhook.why}`);
  const what = `MutatingWebhookConfiguration ${webhook.value?.metadata.name ?? WEBHOOK_CONFIGURATION}`;
  if (webhook.value === undefined) return broken(`there is no ${what}, so no pod is ever injected`);
  if ((webhook.value.webhooks ?? []).length === 0) return broken(`${what} has no webhooks`);
  if (!isSwitchedOn(webhook.value))
    return broken(
      `${what} is not enabled yet: pods are admitted without an agent`,
      'wait: the manager enables it once the API server reaches a ready replica; if it does not, its log gives the reason at ' +
        '"the webhook configurations have to wait"',
    );
  return ok(`${what} calls ${baseUrlOf(webhook.value) ?? serviceOf(webhook.value)}`);
}

function serviceOf({ webhooks = [] }: { readonly webhooks?: readonly { clientConfig?: unknown }[] }): string {
  const service = (
    webhooks[0]?.clientConfig as { service?: { name?: string; namespace?: string } } | undefined
  )?.service;
  return `Service ${service?.namespace ?? ''}/${service?.name ?? ''}`;
}

/** Whether the webhook is called for pods of a namespace. */
export function checkNamespace(
  { namespaceLabels }: Pick<PredictorFacts, 'namespaceLabels'>,
  namespace: string,
  installation: InstallationFacts,
): StepResult {
  const webhook = valueOf(installation.webhook)?.webhooks?.[0];
  if (namespaceLabels.kind === 'unreadable' || webhook === undefined)
    return unknown(`the labels of namespace ${namespace} are not known`);
  const unmet = firstUnmet(webhook['namespaceSelector'], namespaceLabels.value);
  return unmet === undefined
    ? ok(`the webhook is called for namespace ${namespace}`)
    : broken(`the webhook does not select namespace ${namespace}: its namespaceSelector requires ${unmet}`);
}

/** The result when the API server does not know one of KServe's kinds. */
export function undefinedKind(kind: string): StepResult {
  return broken(
    `the API server knows no ${kind}s: the CustomResourceDefinitions are not installed`,
    'install them: kubectl apply -k manifests/crds, or with the manager: kubectl apply -k manifests/default',
  );
}

export function checkTrusted({ webhook, trustedUntil }: InstallationFacts, now: EpochMs): StepResult {
  if (webhook.kind === 'unreadable' || webhook.value === undefined) return unknown(UNREAD_WEBHOOK);
  if (caBundleOf(webhook.value) === undefined)
    return broken('the webhook configuration has no caBundle: the API server cannot trust the webhook');
  if (trustedUntil === undefined) return broken('the caBundle has no valid certificate');
  const end = new Date(trustedUntil).toISOString().slice(0, 10);
  return trustedUntil > now
    ? ok(`trusted until ${end}`)
    : broken(`the certificates in the caBundle expired on ${end}`);
}

const UNREAD_WEBHOOK = 'the webhook configuration could not be read';

export function checkReached({ reached, webhook }: InstallationFacts): StepResult {
  const configuration = valueOf(webhook);
  const isOn = configuration !== undefined && isSwitchedOn(configuration);
  if (reached.kind === 'unreadable')
    return unknown(`whether the webhook answers is not known: ${reached.why}`);
  return reached.value
    ? ok('the webhook answers')
    : broken(
        `nothing answers where the API server calls the webhook: pods of InferenceServices ${
          isOn ? 'are refused' : 'get no agent'
        }`,
      );
}
