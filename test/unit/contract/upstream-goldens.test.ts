import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { decideInjection } from '../../../src/contract/agent-injection.ts';
import { READINESS_PROBE_ENV } from '../../../src/contract/agent-container.ts';
import type { Container, Pod } from '../../../src/contract/pod.ts';
import { credentialsFromSecret } from '../../../src/contract/storage-credentials.ts';
import { readSystemConfig } from '../../../src/contract/system-config.ts';
import { deepFreeze } from './injection-cases.ts';

interface Goldens {
  readonly secrets: Record<string, Record<string, { keys: string[]; annotations?: Record<string, string> }>>;
  readonly agentConfig: Record<string, string>;
  readonly cases: readonly { readonly name: string; readonly pod: Pod; readonly expected: Pod }[];
}

/** Pods before and after KServe's own webhook; the file's `source` says how they were recorded. */
const file = join(import.meta.dirname, '../../integration/upstream-goldens.json');
const goldens = JSON.parse(readFileSync(file, 'utf8')) as Goldens;
const { config } = readSystemConfig({ agent: JSON.stringify(goldens.agentConfig) }, undefined);

const inferenceService = {
  metadata: { name: 'sk', namespace: 'default' },
  spec: { predictor: { sklearn: {} } },
};

function decide(pod: Pod) {
  const secrets = Object.entries(goldens.secrets[pod.spec.serviceAccountName ?? 'default'] ?? {});
  const credentials = secrets.map(([name, { keys, annotations = {} }]) =>
    credentialsFromSecret({ name, keys: new Set(keys), annotations }, config.credentials),
  );
  return decideInjection({ pod: deepFreeze(pod), inferenceService, system: config, credentials });
}

const containersBut = (pod: Pod, name: string) => pod.spec.containers.filter((one) => one.name !== name);
const agentOf = (pod: Pod) => pod.spec.containers.find(({ name }) => name === 'agent');

/** Parses the JSON of the variable, because its order has no meaning. The API server may add defaults. */
function envOf(container: Container | undefined) {
  return (container?.env ?? []).map(({ name, value, ...rest }) =>
    name === READINESS_PROBE_ENV
      ? { name, value: JSON.parse(value ?? '') as object }
      : { name, value, ...rest },
  );
}

/** `expected` includes defaults of an API server, so it must contain at least all that was decided. */
describe.each(goldens.cases)('as KServe: $name', ({ pod, expected }) => {
  const decided = decide(pod).pod;

  it('annotations and labels', () => {
    expect(decided.metadata.annotations).toEqual(expected.metadata.annotations);
    expect(decided.metadata.labels).toEqual(expected.metadata.labels);
  });

  it('containers and volumes: the same names in the same order, with all decided fields', () => {
    expect(decided.spec.containers.map(({ name }) => name)).toEqual(
      expected.spec.containers.map(({ name }) => name),
    );
    expect(decided.spec.volumes?.map(({ name }) => name)).toEqual(
      expected.spec.volumes?.map(({ name }) => name),
    );
    if (decided.spec.volumes !== undefined) expect(expected.spec.volumes).toMatchObject(decided.spec.volumes);
    expect(containersBut(expected, 'agent')).toMatchObject(containersBut(decided, 'agent'));
  });

  it('mounts, of every container', () => {
    const mounts = (of: Pod) => of.spec.containers.map(({ volumeMounts = [] }) => volumeMounts);
    expect(mounts(decided)).toEqual(mounts(expected));
  });

  it('the agent, field by field', () => {
    const [ours, theirs] = [agentOf(decided), agentOf(expected)];
    for (const field of ['image', 'args', 'ports', 'resources', 'securityContext'] as const) {
      expect(ours?.[field]).toEqual(theirs?.[field]);
    }
    if (ours?.readinessProbe !== undefined) expect(theirs?.readinessProbe).toMatchObject(ours.readinessProbe);
    expect(theirs?.readinessProbe === undefined).toBe(ours?.readinessProbe === undefined);
    const [ourEnv, theirEnv] = [envOf(ours), envOf(theirs)];
    expect(ourEnv.map(({ name }) => name)).toEqual(theirEnv.map(({ name }) => name));
    expect(theirEnv).toMatchObject(ourEnv);
  });
});

it('covers all cases', () => {
  expect(goldens.cases.length).toBeGreaterThanOrEqual(12);
});
