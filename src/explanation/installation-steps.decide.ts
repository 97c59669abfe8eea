import type { EpochMs } from '../lib/clock.ts';
import { baseUrlOf, caBundleOf, isSwitchedOn } from '../contract/webhook-configuration.ts';
import { broken, ok, unknown } from './chain.decide.ts';
import type { Verdict } from './chain.decide.ts';
import { valueOf } from '../lib/lookup.ts';
import { firstUnmet } from '../contract/kubernetes.ts';
import type { InstallationFacts, LeaseFacts, PredictorFacts } from './facts.decide.ts';
import { age } from '../lib/age.ts';
import { PART_OF, WEBHOOK_CONFIGURATION } from '../contract/names.ts';

/** Longer than its Lease a leader may be away while another takes over: the time to notice and to try. */
const TAKEOVER_SECONDS = 10;

/** Whether a manager leads, from its Lease as it is now. */
export function judgeLease({ lease, namespace }: InstallationFacts, now: EpochMs): Verdict {
  if (lease.kind === 'unreadable') return unknown(`the manager's Lease cannot be read: ${lease.why}`);
  const where = `Lease ${PART_OF} in namespace ${namespace}`;
  if (lease.value === undefined) {
    return broken(`there is no ${where}: no manager has ever run there`, NOT_INSTALLED);
  }
  if (lease.value.holder === '') return broken(`${where} has no holder: no manager runs`);
  const { holder, renewTime } = lease.value;
  if (isStale(lease.value, now)) {
    return broken(
      `${holder} holds ${where}, but was last heard of ${age(renewTime, now)} ago: no manager runs`,
    );
  }
  return ok(`${holder} leads`);
}

const NOT_INSTALLED =
  'install the manager (docs/install.md), or name the namespace it is in with --manager-namespace';

/** Whether a Lease was not renewed for so long that its holder has died, as far as two machines' clocks agree. */
export function isStale({ renewTime, durationSeconds }: LeaseFacts, now: EpochMs): boolean {
  const renewed = Date.parse(renewTime ?? '');
  return Number.isNaN(renewed) || now - renewed > (durationSeconds + TAKEOVER_SECONDS) * 1000;
}

export function judgeRegistered({ webhook }: InstallationFacts): Verdict {
  if (webhook.kind === 'unreadable')
    return unknown(`the webhook configuration cannot be read: ${webhook.why}`);
  const what = `MutatingWebhookConfiguration ${webhook.value?.metadata.name ?? WEBHOOK_CONFIGURATION}`;
  if (webhook.value === undefined) return broken(`there is no ${what}, so no pod is ever injected`);
  if ((webhook.value.webhooks ?? []).length === 0) return broken(`${what} has no webhooks`);
  if (!isSwitchedOn(webhook.value))
    return broken(
      `${what} is not switched on yet: pods are let in, and get no agent`,
      'wait: the manager switches it on once the API server reaches a ready replica; if it does not, its log says under ' +
        '"the webhook configurations have to wait" for what',
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
export function judgeNamespace(
  { namespaceLabels }: Pick<PredictorFacts, 'namespaceLabels'>,
  namespace: string,
  installation: InstallationFacts,
): Verdict {
  const webhook = valueOf(installation.webhook)?.webhooks?.[0];
  if (namespaceLabels.kind === 'unreadable' || webhook === undefined)
    return unknown(`the labels of namespace ${namespace} are not known`);
  const unmet = firstUnmet(webhook['namespaceSelector'], namespaceLabels.value);
  return unmet === undefined
    ? ok(`namespace ${namespace} is one that the webhook is called for`)
    : broken(`the webhook passes over namespace ${namespace}: its namespaceSelector asks for ${unmet}`);
}

/** What to do where a kind of KServe's is unknown to the API server. */
export function undefinedKind(kind: string): Verdict {
  return broken(
    `the API server knows no ${kind}s: the CustomResourceDefinitions are not installed`,
    'install them: kubectl apply -k manifests/crds, or with the manager: kubectl apply -k manifests/default',
  );
}

export function judgeTrusted({ webhook, trustedUntil }: InstallationFacts, now: EpochMs): Verdict {
  if (webhook.kind === 'unreadable' || webhook.value === undefined) return unknown(UNREAD_WEBHOOK);
  if (caBundleOf(webhook.value) === undefined)
    return broken('the webhook configuration has no caBundle: the API server cannot trust the webhook');
  if (trustedUntil === undefined) return broken('the caBundle holds no certificate that can be read');
  const end = new Date(trustedUntil).toISOString().slice(0, 10);
  return trustedUntil > now ? ok(`trusted until ${end}`) : broken(`what the caBundle trusts ended on ${end}`);
}

const UNREAD_WEBHOOK = 'the webhook configuration could not be read';

export function judgeReached({ reached, webhook }: InstallationFacts): Verdict {
  const configuration = valueOf(webhook);
  const isOn = configuration !== undefined && isSwitchedOn(configuration);
  if (reached.kind === 'unreadable')
    return unknown(`whether the webhook answers is not known: ${reached.why}`);
  return reached.value
    ? ok('the webhook is there')
    : broken(
        `nobody is there where the API server calls the webhook: pods of InferenceServices ${
          isOn ? 'are refused' : 'get no agent'
        }`,
      );
}
