import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { EnvVar } from '../../src/contract/pod.ts';
import {
  CONFIG_MAPS,
  EVENTS,
  INFERENCE_SERVICES,
  NAMESPACES,
  PODS,
  TRAINED_MODELS,
} from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { reviewAt } from '../support/admission-review.ts';
import { createModel, createService, inferenceService, trainedModel } from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import { CREDENTIAL_CASES } from '../support/credential-cases.ts';
import type { CredentialCase, SecretVolume } from '../support/credential-case.ts';
import { recordKServe } from '../support/credential-recording.ts';
import type { RecordedAnswer } from '../support/credential-recording.ts';
import { askForEach, podOf } from '../support/credential-scene.ts';
import type { CredentialAnswer, CredentialOutcome } from '../support/credential-scene.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { unpacked } from '../support/unpacked.ts';

/**
 * What KServe's own webhook of v0.17.0 answered on a real API server; v0.20.0 answers the same, byte for byte.
 * RECORD_KSERVE=1 records it again, which takes KServe's manager (built once, about ten minutes) and a minute.
 */
const FILE = new URL('credential-goldens.json', import.meta.url);
const PAGE = new URL('../../docs/credential-places.md', import.meta.url);

let recorded: Readonly<Record<string, RecordedAnswer>> = {};
let cluster: ManagedCluster;
let outcomes: ReadonlyMap<string, CredentialOutcome> = new Map();

beforeAll(async () => {
  if (process.env['RECORD_KSERVE'] === '1' || !existsSync(FILE)) {
    writeFileSync(FILE, `${JSON.stringify(await recordKServe(CREDENTIAL_CASES), undefined, 2)}\n`);
  }
  recorded = JSON.parse(readFileSync(FILE, 'utf8')) as typeof recorded;
  cluster = await startManagedCluster({ page: true, args: ['--log-level', 'debug'] });
  const { client } = cluster;
  await client.create(NAMESPACES, { metadata: { name: 'kserve' } });
  await createService(client, inferenceService('sk'));
  outcomes = await askForEach(cluster, CREDENTIAL_CASES, {});
}, 300_000);

afterAll(async () => {
  await cluster.stop();
});

const outcomeOf = ({ name }: CredentialCase): CredentialOutcome => {
  const outcome = outcomes.get(name);
  if (outcome === undefined) throw new Error(`${name} was not asked`);
  return outcome;
};

function answerIn(outcome: CredentialOutcome): CredentialAnswer | CredentialOutcome {
  return outcome.kind === 'admitted' ? outcome.answer : outcome;
}

describe('the agent gets the same credentials as from KServe', () => {
  it.each(CREDENTIAL_CASES)('$name', (one) => {
    const outcome = outcomeOf(one);
    const expected = asOurs(one, recorded[one.name]!);
    if ('refused' in expected) expect(outcome.kind).toBe('refused');
    else expect(answerIn(outcome)).toEqual(expected);
  });
});

describe('omitted credentials are reported in the log, because a warning might reach any user', () => {
  it.each(CREDENTIAL_CASES.filter(({ differs }) => differs?.warning !== undefined))('$name', (one) => {
    expect(outcomeOf(one).kind).toBe('admitted');
    expect(cluster.manager.log()).toContain(one.differs!.warning!);
  });
});

/** Every value of every Secret except plain flags, as text and as base64. The one host is public by contract. */
const SECRET_VALUES = CREDENTIAL_CASES.flatMap(({ secrets = {} }) => Object.values(secrets))
  .flatMap(({ data }) => Object.values(data))
  .filter((value) => value.includes('canary'))
  .flatMap((value) => [value, value.trim(), Buffer.from(value).toString('base64')]);

function expectNoValueIn(text: string): void {
  expect(SECRET_VALUES.filter((value) => text.includes(value))).toEqual([]);
  expect(text).not.toMatch(/canary/i);
}

describe('no value of a Secret appears', () => {
  beforeAll(async () => {
    for (const one of CREDENTIAL_CASES) {
      await cluster.client.create(PODS, podOf(one) as KubernetesObject).catch(() => undefined);
    }
    await createModel(cluster.client, trainedModel('m1', 'sk'));
  });

  it('in a patch, a warning or a refusal', () => {
    for (const outcome of outcomes.values()) expectNoValueIn(JSON.stringify(outcome));
  });

  it('in the answer to a direct request to the webhook', async () => {
    for (const one of CREDENTIAL_CASES) {
      const { response } = await reviewAt(cluster.manager.ports.webhook, podOf(one) as KubernetesObject);
      expectNoValueIn(JSON.stringify(response));
      expectNoValueIn(Buffer.from(response.patch ?? '', 'base64').toString());
    }
  });

  it('in a stored object, or an event', async () => {
    const { client } = cluster;
    const pods = await client.list(PODS, { namespace: 'default' });
    expect(pods.items.length).toBeGreaterThan(50);
    const others = [TRAINED_MODELS, INFERENCE_SERVICES, CONFIG_MAPS, EVENTS] as readonly Resource[];
    const lists = await Promise.all(others.map((resource) => client.list(resource, {})));
    expectNoValueIn(JSON.stringify([pods, ...lists]));
  });

  it.each(['explain tm/m1', 'explain isvc/sk', 'status', 'analyze', 'check'])(
    'in the output of mms %s',
    async (command) => {
      const kubeconfig = ['--kubeconfig', cluster.controlPlane.kubeconfigPath];
      const { stdout, stderr } = await runCommand([...command.split(' '), ...kubeconfig]);
      expect(stdout + stderr).not.toBe('');
      expectNoValueIn(stdout + stderr);
    },
  );

  it('in a diagnostics archive', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-canary-'));
    const file = join(directory, 'all.tar.gz');
    const { kubeconfigPath } = cluster.controlPlane;
    expect((await runCommand(['diagnostics', '--kubeconfig', kubeconfigPath, '--file', file])).code).toBe(0);
    const files = await unpacked(file);
    expect(files.get('serving/pods.yaml')).toContain('secretKeyRef');
    expectNoValueIn([...files.values()].join('\n'));
    await rm(directory, { recursive: true });
  });

  it("on the manager's page, in its metrics and its log", async () => {
    const { page, metrics, health } = cluster.manager.ports;
    const urls = [
      `http://127.0.0.1:${page}/api/v1/inferenceservices`,
      `http://127.0.0.1:${page}/api/v1/inferenceservices/default/sk`,
      `http://127.0.0.1:${metrics}/metrics`,
      `http://127.0.0.1:${health}/readyz?verbose`,
    ];
    for (const url of urls) {
      const answer = await fetch(url);
      expect(`${url}: ${answer.status}`).toBe(`${url}: 200`);
      expectNoValueIn(await answer.text());
    }
    expect(cluster.manager.log()).toContain('"level"');
    expectNoValueIn(cluster.manager.log());
  });
});

describe('docs/credential-places.md', () => {
  const [inputs = '', differences = ''] = readFileSync(PAGE, 'utf8').split('## Where it differs from KServe');
  /** The names in the last column of the tables with goldens. */
  const named = (text: string): string[] =>
    text
      .split('\n\n')
      .filter((block) => /^\|.*\| goldens \|\n/.test(block))
      .flatMap((table) => table.trim().split('\n'))
      .flatMap((row) => [...(row.split('|').at(-2) ?? '').matchAll(/`([a-z0-9-]+)`/g)])
      .map(([, name = '']) => name)
      .sort();
  const namesOf = (cases: readonly CredentialCase[]): string[] => cases.map(({ name }) => name).sort();

  it('lists every input with its goldens', () => {
    expect(named(inputs)).toEqual(namesOf(CREDENTIAL_CASES));
  });

  it('lists every difference', () => {
    expect(named(differences)).toEqual(
      namesOf(CREDENTIAL_CASES.filter(({ differs }) => differs !== undefined)),
    );
  });
});

/** KServe's answer with the documented differences, each of which has a reason. */
function asOurs({ differs }: CredentialCase, kserve: RecordedAnswer): RecordedAnswer {
  if (differs === undefined) return kserve;
  const { env = {}, answer } = differs;
  if (answer !== undefined) return answer === 'nothing' ? nothing() : instead(answer);
  if ('refused' in kserve) return kserve;
  const changed = kserve.env.map((each) => (Object.hasOwn(env, each.name) ? env[each.name]! : each));
  return { ...kserve, env: changed };
}

/** An agent without credentials. */
function nothing(): CredentialAnswer {
  const answer = recorded['account-missing'];
  if (answer === undefined || 'refused' in answer) throw new Error('the recording is not complete');
  return answer;
}

function instead({
  env,
  secretVolume,
}: {
  env: readonly EnvVar[];
  secretVolume?: SecretVolume;
}): CredentialAnswer {
  const { mounts, volumes } = nothing();
  if (secretVolume === undefined) return { env, mounts, volumes };
  const { name, secretName, mountPath } = secretVolume;
  return {
    env,
    mounts: [{ name, readOnly: true, mountPath }, ...mounts],
    volumes: [{ name, secret: { secretName, defaultMode: 0o644 } }, ...volumes],
  };
}
