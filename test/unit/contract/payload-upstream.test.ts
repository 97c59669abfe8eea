import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { decideInjection } from '../../../src/contract/agent-injection.ts';
import { credentialsFor } from '../../../src/contract/credential-lookup.ts';
import type { ServiceAccount } from '../../../src/contract/kubernetes.ts';
import { loggerAccountOf } from '../../../src/contract/payload-agent.ts';
import type { Pod } from '../../../src/contract/pod.ts';
import { planPredictor } from '../../../src/controllers/predictors/predictor-workload.decide.ts';
import type { SecretFacts } from '../../../src/contract/storage-credentials.ts';
import { readSystemConfig } from '../../../src/contract/system-config.ts';
import type { RecordedAgents } from '../../support/agent-argument-recording.ts';
import { AGENT_CASES, agentConfigOf, askingService, LOG_ACCOUNTS } from '../../support/agent-cases.ts';
import { deepFreeze } from './injection-cases.ts';

/** Recorded from KServe's own manager and webhook; agent-arguments-upstream.test.ts says how. */
const file = join(import.meta.dirname, '../../integration/agent-arguments.json');
const recorded = JSON.parse(readFileSync(file, 'utf8')) as RecordedAgents;
const multiModel = Object.entries(recorded).filter(([name]) => name.startsWith('mms-'));

/** The result of a look-up in the cluster of the recording. */
function found(name: string | undefined): { account: ServiceAccount | undefined; secrets: SecretFacts[] } {
  const known = Object.entries(LOG_ACCOUNTS).find(([account]) => account === name)?.[1];
  if (known === undefined) return { account: undefined, secrets: [] };
  const { secret, keys, annotations } = known;
  return {
    account: { metadata: { name: name ?? '', namespace: 'default' }, secrets: [{ name: secret }] },
    secrets: [{ name: secret, keys: new Set(keys), annotations }],
  };
}

/** The decision of the webhook for a recorded pod, with the same Secrets. */
function decide(name: string, pod: Pod) {
  const asked = AGENT_CASES[name]!;
  const inferenceService = askingService(name, asked);
  const { config: system } = readSystemConfig(agentConfigOf(asked), undefined);
  const accountName = loggerAccountOf({ pod, inferenceService, settings: system.logger });
  const logger = accountName === undefined ? undefined : { accountName, ...found(accountName), missing: [] };
  const lookup = { ...found(pod.spec.serviceAccountName), named: undefined, missing: [] };
  const { parts } = credentialsFor(
    { ...lookup, ...(logger === undefined ? {} : { logger }) },
    system.credentials,
  );
  return decideInjection({ pod: deepFreeze(pod), inferenceService, system, credentials: parts });
}

/** Parses the probe into an object, because the order of its fields has no meaning. */
const envOf = (env: readonly { name: string; value?: string }[] = []) =>
  env.map(({ value, ...rest }) => ({
    ...rest,
    ...(rest.name === 'SERVING_READINESS_PROBE' ? { value: JSON.parse(value!) as object } : { value }),
  }));

describe.each(multiModel)("as KServe's controller and webhook: %s", (name, { pod, agent, volumes }) => {
  const decision = decide(name, pod);
  const ours = decision.pod.spec.containers.find((container) => container.name === 'agent');

  it('the agent gets the same arguments, variables, mounts and resources, in the same order', () => {
    expect(decision.reason).toBe('Injected');
    expect(ours?.args).toEqual(agent.args);
    expect(ours?.volumeMounts).toEqual(agent.volumeMounts);
    expect(envOf(ours?.env)).toEqual(envOf(agent.env));
    expect(ours?.resources).toEqual(agent.resources);
  });

  it('the pod gets the same volumes', () => {
    expect(decision.pod.spec.volumes?.map((volume) => volume.name)).toEqual(
      volumes.map((volume) => volume.name),
    );
    // The API server has added the modes of files.
    expect(volumes).toMatchObject(decision.pod.spec.volumes!);
  });

  it('the template of the pods has the same annotations', () => {
    const plan = planPredictor(askingService(name, AGENT_CASES[name]!), { namespaced: [], cluster: [] });
    if (plan.kind !== 'workload') throw new Error(plan.message);
    const { annotations } = (plan.deployment.spec['template'] as unknown as Pod).metadata;
    expect({ ...annotations, 'serving.kserve.io/deploymentMode': 'Standard' }).toEqual(
      pod.metadata.annotations,
    );
  });
});

it('covers all cases', () => {
  expect(Object.keys(recorded).sort()).toEqual(Object.keys(AGENT_CASES).sort());
});
