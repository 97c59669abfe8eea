import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { EnvVar } from '../../src/core/pod.ts';
import { NAMESPACES } from '../../src/kube/resources.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { CREDENTIAL_CASES } from '../support/credential-cases.ts';
import type { CredentialCase, SecretVolume } from '../support/credential-cases.ts';
import { recordKServe } from '../support/credential-recording.ts';
import type { RecordedAnswer } from '../support/credential-recording.ts';
import { askForEach } from '../support/credential-scene.ts';
import type { CredentialAnswer, CredentialOutcome } from '../support/credential-scene.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';

/**
 * What KServe v0.17.0's own webhook answered, on a real API server. With RECORD_KSERVE=1 this test asks it again, which takes
 * KServe's manager (built once, some ten minutes) and a minute.
 */
const FILE = new URL('credential-goldens.json', import.meta.url);
const PAGE = new URL('../../docs/credentials.md', import.meta.url);

let recorded: Readonly<Record<string, RecordedAnswer>> = {};
let cluster: ManagedCluster;
let outcomes: ReadonlyMap<string, CredentialOutcome> = new Map();

beforeAll(async () => {
  if (process.env['RECORD_KSERVE'] === '1' || !existsSync(FILE)) {
    writeFileSync(FILE, `${JSON.stringify(await recordKServe(CREDENTIAL_CASES), undefined, 2)}\n`);
  }
  recorded = JSON.parse(readFileSync(FILE, 'utf8')) as typeof recorded;
  cluster = await startManagedCluster();
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

describe('the credentials of an agent are those that KServe v0.17.0 gives it', () => {
  it.each(CREDENTIAL_CASES)('$name', (one) => {
    const outcome = outcomeOf(one);
    const expected = asOurs(one, recorded[one.name]!);
    if ('refused' in expected) expect(outcome.kind).toBe('refused');
    else expect(answerIn(outcome)).toEqual(expected);
  });
});

describe('what is left out is told by a warning', () => {
  it.each(CREDENTIAL_CASES.filter(({ differs }) => differs?.warning !== undefined))('$name', (one) => {
    expect(outcomeOf(one)).toMatchObject({ warnings: expect.stringContaining(one.differs!.warning!) });
  });
});

it('no value of a Secret stands in a pod, a warning or a refusal', () => {
  for (const outcome of outcomes.values()) expect(JSON.stringify(outcome)).not.toMatch(/canary/i);
  expect(cluster.manager.log()).not.toMatch(/canary/i);
});

describe('docs/credentials.md', () => {
  const [inputs = '', differences = ''] = readFileSync(PAGE, 'utf8').split('## Where it differs from KServe');
  /** What the last column of the tables with goldens names. */
  const named = (text: string): string[] =>
    text
      .split('\n\n')
      .filter((block) => /^\|.*\| goldens \|\n/.test(block))
      .flatMap((table) => table.trim().split('\n'))
      .flatMap((row) => [...(row.split('|').at(-2) ?? '').matchAll(/`([a-z0-9-]+)`/g)])
      .map(([, name = '']) => name)
      .sort();
  const namesOf = (cases: readonly CredentialCase[]): string[] => cases.map(({ name }) => name).sort();

  it('lists every input, each with its goldens', () => {
    expect(named(inputs)).toEqual(namesOf(CREDENTIAL_CASES));
  });

  it('lists every difference', () => {
    expect(named(differences)).toEqual(
      namesOf(CREDENTIAL_CASES.filter(({ differs }) => differs !== undefined)),
    );
  });
});

/** KServe's answer with every difference there may be; each says why. */
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
