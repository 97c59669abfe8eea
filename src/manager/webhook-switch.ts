import { milliseconds, seconds } from '../lib/clock.ts';
import type { Clock, Milliseconds, MonotonicMs, Random } from '../lib/clock.ts';
import { aborted } from '../lib/abort.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { FORMER_WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATION } from '../contract/names.ts';
import type { ReadinessCheck } from '../lib/readiness.ts';
import { isSwitchedOn, withRules } from '../contract/webhook-configuration.ts';
import type { WebhookConfiguration } from '../contract/webhook-configuration.ts';
import { decideSwitch } from './webhook-switch.decide.ts';
import type { SwitchStep } from './webhook-switch.decide.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { CallOptions } from '../kube/transport.ts';
import { isApiError } from '../kube/api-error.ts';
import { thisVersionOf } from '../kube/resource-version.ts';
import { StaleWriteError } from '../certificates/certificate-stores.ts';
import { followManagerDeployment } from './manager-deployment.ts';
import type { ManagerDeployment } from './manager-deployment.ts';
import { webhookPlaces } from './registrations.ts';
import type { RegisteredPlace } from './registrations.ts';
import { readIfAllowed, writeConfiguration } from '../certificates/webhook-registration.ts';
import { webhookReach } from './webhook-reach.ts';

interface WebhookSwitchOptions {
  readonly client: ApiClient;
  /** The manager's namespace. */
  readonly namespace: string;
  /** This replica's readiness. */
  readonly readiness: ReadinessCheck;
  readonly wantsClientCertificate: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Enables the webhooks while the manager can answer. */
export interface WebhookSwitch {
  /** Runs until the signal aborts. Never rejects. */
  lead(signal: AbortSignal): Promise<void>;
  /** Resolves once API servers call the webhook for pods, or the signal aborts. Call while this replica leads. */
  untilOn(signal: AbortSignal): Promise<void>;
  /** Stops. If no manager should run any more, the webhooks are disabled first. Never rejects. */
  end(): Promise<void>;
}

/** For webhooks that are called as long as they are registered. */
export const ALWAYS_ON: WebhookSwitch = {
  lead: () => Promise.resolve(),
  untilOn: () => Promise.resolve(),
  end: () => Promise.resolve(),
};

const BUSY_POLL = seconds(1);
const IDLE_POLL = seconds(10);
/** The pod has 30 s to end, and the webhook takes most of them. */
const END_TIMEOUT = milliseconds(2000);
const END_TRIES = 5;

/** One configuration as it was read. */
interface Found {
  readonly place: RegisteredPlace;
  readonly configuration: WebhookConfiguration;
}

interface Sight {
  readonly ours: readonly Found[];
  readonly former: readonly Found[];
}

interface Switching {
  readonly options: WebhookSwitchOptions;
  readonly deployment: ManagerDeployment;
  /** API servers call the webhook for pods. */
  readonly on: PromiseWithResolvers<undefined>;
  reachedSince: MonotonicMs | undefined;
  onSince: MonotonicMs | undefined;
  /** The last reason to wait, so that it is logged once, not at each check. */
  awaited: string | undefined;
  ended: boolean;
}

export function webhookSwitch(options: WebhookSwitchOptions): WebhookSwitch {
  const { clock, logger } = options;
  let waking = new AbortController();
  let under: Promise<unknown> = Promise.resolve();
  const switching: Switching = {
    options,
    deployment: followManagerDeployment(options, () => waking.abort()),
    on: Promise.withResolvers<undefined>(),
    ...{ reachedSince: undefined, onSince: undefined, awaited: undefined, ended: false },
  };
  return {
    async lead(signal) {
      while (!signal.aborted && !switching.ended) {
        waking = new AbortController();
        const looking = look(switching, signal);
        under = looking.catch(() => undefined);
        const wait = await looking.catch((thrown: unknown) => {
          if (!signal.aborted && !(thrown instanceof StaleWriteError))
            logger.warn({ error: messageOf(thrown) }, 'the webhook configurations could not be looked after');
          return BUSY_POLL;
        });
        await clock.sleep(wait, AbortSignal.any([signal, waking.signal]));
      }
    },
    async untilOn(signal) {
      await Promise.race([switching.on.promise, aborted(signal)]);
    },
    async end() {
      switching.ended = true;
      await under;
      await takeBack(switching);
      await switching.deployment.stop();
    },
  };
}

/** Performs one step. Resolves with the time until the next check. */
async function look(switching: Switching, signal: AbortSignal): Promise<Milliseconds> {
  const { options, deployment, on } = switching;
  const { client, clock, readiness } = options;
  const sight = await see(client, { signal });
  const isOn = isPodWebhookOn(sight.ours);
  switching.onSince = isOn ? (switching.onSince ?? clock.monotonic()) : undefined;
  if (isOn || isPodWebhookOn(sight.former)) on.resolve(undefined);
  const since = (from: MonotonicMs | undefined): Milliseconds | undefined =>
    from === undefined ? undefined : milliseconds(clock.monotonic() - from);
  const step = decideSwitch({
    ours: sight.ours.map(({ place, configuration }) => ({ configuration, rules: place.rules })),
    former: sight.former.map(({ configuration }) => configuration),
    future: deployment.future(),
    unready: readiness(),
    reachedFor: since(switching.reachedSince),
    onFor: since(switching.onSince),
  });
  if (step.kind === 'keep') return IDLE_POLL;
  if (!signal.aborted && !switching.ended) await perform(switching, step, sight);
  return BUSY_POLL;
}

async function perform(
  switching: Switching,
  step: Exclude<SwitchStep, { kind: 'keep' }>,
  { ours, former }: Sight,
): Promise<void> {
  const { client, clock, logger, wantsClientCertificate } = switching.options;
  switch (step.kind) {
    case 'wait':
      sayWhy(switching, step.reason);
      return;
    case 'ask': {
      const [first] = ours;
      if (first === undefined) return;
      const reach = await webhookReach(client, first.configuration, wantsClientCertificate);
      switching.reachedSince = reach.reached ? (switching.reachedSince ?? clock.monotonic()) : undefined;
      if (!reach.reached) sayWhy(switching, reach.why);
      return;
    }
    case 'switch-on':
      for (const { place, configuration } of ours)
        await writeConfiguration(place, withRules(configuration, place.rules));
      // When they are disabled the next time, the API server is asked again.
      switching.reachedSince = undefined;
      switching.awaited = undefined;
      logger.info({ name: WEBHOOK_CONFIGURATION }, 'the webhooks are switched on: API servers call them');
      return;
    case 'switch-off':
      return switchOff(switching, [...ours, ...former], step.reason);
    case 'retire-former':
      for (const { place, configuration } of former) await retire(place, configuration);
      logger.info({ name: FORMER_WEBHOOK_CONFIGURATION }, 'the former webhook configurations are deleted');
  }
}

function sayWhy(switching: Switching, reason: string): void {
  if (switching.awaited !== reason)
    switching.options.logger.info({ reason }, 'the webhook configurations have to wait');
  switching.awaited = reason;
}

async function switchOff(
  switching: Switching,
  found: readonly Found[],
  reason: string,
  call: CallOptions = {},
): Promise<void> {
  for (const { place, configuration } of found) {
    if (isSwitchedOn(configuration)) await writeConfiguration(place, withRules(configuration, []), call);
  }
  switching.onSince = undefined;
  switching.options.logger.info({ reason }, 'the webhooks are switched off: API servers do not call them');
}

/** For a process that ends. Another replica that ends does the same, so losing the race is not a failure. */
async function takeBack(switching: Switching): Promise<void> {
  const { client, logger } = switching.options;
  const future = await switching.deployment.readFuture();
  if (future.kind !== 'unwanted') return;
  const call = { timeout: END_TIMEOUT };
  for (let tries = 0; tries < END_TRIES; tries += 1) {
    try {
      const { ours, former } = await see(client, call);
      const called = [...ours, ...former].filter(({ configuration }) => isSwitchedOn(configuration));
      if (called.length > 0) await switchOff(switching, called, future.reason, call);
      return;
    } catch (thrown) {
      if (thrown instanceof StaleWriteError) continue;
      logger.warn(
        { error: messageOf(thrown) },
        'the webhooks could not be switched off; delete their configurations, see docs/install.md',
      );
      return;
    }
  }
}

/** The configurations in the cluster now, without those that are not installed or that an older role does not cover. */
async function see(client: ApiClient, call: CallOptions): Promise<Sight> {
  const found = async (name: string): Promise<readonly Found[]> => {
    const each = webhookPlaces(client, name).map(async (place) => {
      const configuration = await readIfAllowed(place, call);
      return configuration === undefined ? [] : [{ place, configuration }];
    });
    return (await Promise.all(each)).flat();
  };
  const [ours, former] = await Promise.all([
    found(WEBHOOK_CONFIGURATION),
    found(FORMER_WEBHOOK_CONFIGURATION),
  ]);
  return { ours, former };
}

function isPodWebhookOn(found: readonly Found[]): boolean {
  return found.some(({ place, configuration }) => !place.optional && isSwitchedOn(configuration));
}

/** Only the version that was read: it may have been applied again in the meantime. */
async function retire(place: RegisteredPlace, configuration: WebhookConfiguration): Promise<void> {
  const { name } = configuration.metadata;
  try {
    await place.client.delete(place.resource, { name }, { preconditions: thisVersionOf(configuration) });
  } catch (thrown) {
    if (!isApiError(thrown, 'API_NOT_FOUND', 'API_CONFLICT')) throw thrown;
    throw new StaleWriteError(`${name} was changed meanwhile`, { cause: thrown });
  }
}
