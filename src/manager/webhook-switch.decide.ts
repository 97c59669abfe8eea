import { isDeepStrictEqual } from 'node:util';
import { seconds } from '../lib/clock.ts';
import type { Milliseconds } from '../lib/clock.ts';
import type { Deployment } from '../contract/predictor-outcome.ts';
import { caBundleOf, isSwitchedOn } from '../contract/webhook-configuration.ts';
import type { WebhookConfiguration, WebhookRule } from '../contract/webhook-configuration.ts';

/** One of our configurations in the cluster, and the rules it should have. */
interface SwitchedConfiguration {
  readonly configuration: WebhookConfiguration;
  readonly rules: readonly WebhookRule[];
}

/** The future of the manager's pods, from its Deployment. */
export type ManagerFuture =
  /** Some should run; `rolling`: they are being replaced. */
  | { readonly kind: 'wanted'; readonly rolling: boolean }
  /** All of them end, and no others replace them. */
  | { readonly kind: 'unwanted'; readonly reason: string }
  /** The Deployment does not exist, or may not be read. */
  | { readonly kind: 'unknown' };

export interface SwitchFacts {
  readonly ours: readonly SwitchedConfiguration[];
  /** Configurations of the former name. */
  readonly former: readonly WebhookConfiguration[];
  readonly future: ManagerFuture;
  /** Why this replica is not ready; undefined when it is. */
  readonly unready: string | undefined;
  /** How long an API server has reached a replica; undefined when it did not, or was not asked. */
  readonly reachedFor: Milliseconds | undefined;
  /** How long ours have been on without interruption. */
  readonly onFor: Milliseconds | undefined;
}

export type SwitchStep =
  | { readonly kind: 'keep' }
  /** Nothing to do yet. */
  | { readonly kind: 'wait'; readonly reason: string }
  /** Ask an API server whether it reaches a replica. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'switch-on' }
  | { readonly kind: 'switch-off'; readonly reason: string }
  | { readonly kind: 'retire-former' };

/** Once an endpoint is known, nodes and API servers need some time until all of them route to it. */
export const REACHED_FOR = seconds(3);
/** Every API server has heard of a new configuration by then; the certificates wait as long, see core/certificates.ts. */
const KNOWN_EVERYWHERE = seconds(5);

/**
 * The leader's next step. The webhook is called only while a replica can answer: `failurePolicy: Fail` without an
 * answer refuses other users' pods. A former configuration is deleted only after ours has replaced it, and not while
 * the manager's pods are being replaced: in a rollback, its own manager will need it.
 */
export function decideSwitch(facts: SwitchFacts): SwitchStep {
  const { ours, former, future, unready } = facts;
  if (future.kind === 'unwanted') {
    const called = [...ours.map(({ configuration }) => configuration), ...former].some(isSwitchedOn);
    return called ? { kind: 'switch-off', reason: future.reason } : { kind: 'keep' };
  }
  const pending = ours.filter(({ configuration, rules }) => !isCalledFor(configuration, rules));
  if (pending.length > 0) {
    if (unready !== undefined) return { kind: 'wait', reason: `this replica is not ready: ${unready}` };
    const untrusting = pending.find(({ configuration }) => caBundleOf(configuration) === undefined);
    if (untrusting !== undefined) {
      const { name } = untrusting.configuration.metadata;
      return { kind: 'wait', reason: `webhook configuration ${name} has no caBundle yet` };
    }
    const reached = facts.reachedFor !== undefined && facts.reachedFor >= REACHED_FOR;
    return { kind: reached ? 'switch-on' : 'ask' };
  }
  if (former.length === 0 || ours.length === 0) return { kind: 'keep' };
  if (future.kind === 'wanted' && future.rolling)
    return { kind: 'wait', reason: 'the former configuration stays while replicas are being replaced' };
  const known = facts.onFor !== undefined && facts.onFor >= KNOWN_EVERYWHERE;
  return known
    ? { kind: 'retire-former' }
    : { kind: 'wait', reason: 'every API server is to know the new configuration first' };
}

function isCalledFor({ webhooks = [] }: WebhookConfiguration, rules: readonly WebhookRule[]): boolean {
  return webhooks.every((webhook) => isDeepStrictEqual(webhook.rules ?? [], rules));
}

/**
 * @param deployment its current version; undefined when it does not exist
 * @param before whether it has existed since this process started; if it never did, the manager runs elsewhere
 */
export function managerFuture(deployment: Deployment | undefined, before: boolean): ManagerFuture {
  if (deployment === undefined)
    return before ? { kind: 'unwanted', reason: 'its Deployment is gone' } : { kind: 'unknown' };
  const { metadata, spec, status } = deployment;
  if (metadata.deletionTimestamp !== undefined)
    return { kind: 'unwanted', reason: 'its Deployment is being deleted' };
  if (spec?.replicas === 0) return { kind: 'unwanted', reason: 'it is scaled to zero' };
  const wanted = spec?.replicas ?? 1;
  const settled =
    status?.observedGeneration === metadata.generation &&
    [status?.replicas, status?.updatedReplicas, status?.readyReplicas].every((count) => count === wanted);
  return { kind: 'wanted', rolling: !settled };
}
