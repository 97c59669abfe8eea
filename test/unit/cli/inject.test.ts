import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvVar, Pod } from '../../../src/contract/pod.ts';
import { runCommand } from '../../support/command-run.ts';
import type { CommandOutcome } from '../../support/command-run.ts';

const NAMED = 'serving.kserve.io/storageSecretName';
const inferenceService = {
  apiVersion: 'serving.kserve.io/v1beta1',
  kind: 'InferenceService',
  metadata: { name: 'sk' },
  spec: { predictor: { sklearn: {} } },
};
const pod = (annotations: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'a',
    labels: { component: 'predictor', 'serving.kserve.io/inferenceservice': 'sk' },
    annotations,
  },
  spec: { serviceAccountName: 'sa', containers: [{ name: 'kserve-container', image: 'mlserver:1' }] },
});
const account = (secrets: readonly string[], annotations: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'sa', annotations },
  secrets: secrets.map((name) => ({ name })),
});
const secret = (name: string, stringData: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData,
});
const KEYS = { AWS_ACCESS_KEY_ID: 'canary', AWS_SECRET_ACCESS_KEY: 'canary' };

describe('credentials in mms inject are those of the webhook', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-inject-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function inject(...objects: readonly object[]): Promise<CommandOutcome & { readonly env: EnvVar[] }> {
    const file = join(directory, 'objects.yaml');
    await writeFile(file, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    const outcome = await runCommand(['inject', '-f', file, '-o', 'json']);
    const made = outcome.code === 0 ? (JSON.parse(outcome.stdout) as Pod) : undefined;
    const agent = made?.spec.containers.find(({ name }) => name === 'agent');
    return { ...outcome, env: agent?.env ?? [] };
  }

  it("uses a service account's role and its settings of S3", async () => {
    const annotations = { 'eks.amazonaws.com/role-arn': 'r', 'serving.kserve.io/s3-endpoint': 'minio:9000' };
    const { env } = await inject(pod(), inferenceService, account([], annotations));
    expect(env).toContainEqual({ name: 'AWS_ENDPOINT_URL', value: 'https://minio:9000' });
  });

  it('uses stringData of a Secret, without printing its values', async () => {
    const stringData = { ...KEYS, S3_ENDPOINT: 'canary:9000', S3_USE_HTTPS: '0' };
    const { env, stdout, stderr } = await inject(
      ...[pod(), inferenceService, account(['s']), secret('s', stringData)],
    );
    expect(env).toContainEqual({ name: 'AWS_ENDPOINT_URL', value: 'http://$(S3_ENDPOINT)' });
    expect(stdout + stderr).not.toContain('canary');
  });

  it('uses a Secret that the pod names instead of those of the account', async () => {
    const secrets = [secret('s', KEYS), secret('t', { HF_TOKEN: 'canary' })];
    const { env } = await inject(pod({ [NAMED]: 's' }), inferenceService, account(['t']), ...secrets);
    expect(env.map(({ name }) => name)).toEqual(Object.keys(KEYS));
  });

  it('warns about a named Secret that is in none of the files', async () => {
    const { code, stderr } = await inject(pod({ [NAMED]: 's' }), inferenceService, account([]));
    expect(code).toBe(0);
    expect(stderr).toContain('Secret s is in none of the files');
  });

  it('rejects an invalid name of a Secret', async () => {
    const { code, stderr } = await inject(pod({ [NAMED]: '' }), inferenceService, account([]));
    expect(code).toBe(1);
    expect(stderr).toContain(NAMED);
  });

  it('warns about what it leaves out', async () => {
    const { stderr } = await inject(
      ...[pod(), inferenceService, account(['s']), secret('s', { AWS_SECRET_ACCESS_KEY: 'canary' })],
    );
    expect(stderr).toContain('warning: Secret s has the key AWS_SECRET_ACCESS_KEY but not AWS_ACCESS_KEY_ID');
  });

  it.each([
    [
      'another name',
      { ...inferenceService, metadata: { name: 'other' } },
      /InferenceService sk, and .* holds InferenceService other;/,
    ],
    ['no InferenceService', account([]), /InferenceService sk, and .* holds no InferenceService;/],
    [
      'another namespace',
      { ...inferenceService, metadata: { name: 'sk', namespace: 'b' } },
      /sk of namespace a, and .* holds InferenceService b\/sk;/,
    ],
  ])('rejects an --inference-service file with %s', async (_what, object, words) => {
    const [podFile, file] = [join(directory, 'pod.yaml'), join(directory, 'isvc.yaml')];
    const inA = { ...pod(), metadata: { ...pod().metadata, namespace: 'a' } };
    await writeFile(podFile, JSON.stringify(words.source.includes('namespace') ? inA : pod()));
    await writeFile(file, JSON.stringify(object));
    const { code, stdout, stderr } = await runCommand(['inject', '-f', podFile, '--inference-service', file]);
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(words) });
  });

  it('accepts one file for both, if it contains both', async () => {
    const file = join(directory, 'both.yaml');
    const twice = ['inject', '-f', file, '--inference-service', file];
    await writeFile(file, [pod(), inferenceService].map((object) => JSON.stringify(object)).join('\n---\n'));
    expect(await runCommand(twice)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^inject: Injected/),
    });
    await writeFile(file, JSON.stringify(pod()));
    expect((await runCommand(twice)).stderr).toMatch(/both\.yaml holds no InferenceService; give the file/);
  });

  it('rejects several Pods, and names their files', async () => {
    const [one, other] = [join(directory, 'one.yaml'), join(directory, 'other.yaml')];
    await writeFile(one, JSON.stringify(pod()));
    await writeFile(other, JSON.stringify(pod()));
    const { stderr } = await runCommand(['inject', '-f', one, '--inference-service', other]);
    expect(stderr).toMatch(/^mms: give one Pod at a time: \S+one\.yaml and \S+other\.yaml have one each\n$/);
  });
});
