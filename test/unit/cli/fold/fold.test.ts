import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import type { InferenceService } from '../../../../src/contract/inference-service.ts';
import { isMMSPredictor } from '../../../../src/contract/mms-predictor.ts';
import { runCommand } from '../../../support/command-run.ts';
import type { FoldDocument } from '../../../support/fold-document.ts';
import { single } from './fold-scene.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kserve-mms-fold-'));
});
afterAll(() => rm(directory, { recursive: true }));

function yamlOf(services: readonly InferenceService[]): string {
  const typed = { apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService' };
  return services.map((service) => stringify({ ...typed, ...service })).join('---\n');
}

const fold = (services: readonly InferenceService[], ...args: readonly string[]) =>
  runCommand(['fold', '-f', '-', ...args], { input: yamlOf(services) });

/** As many kinds as in a large cluster: formats, protocols, replicas, node selectors. */
function fleet(count: number): InferenceService[] {
  const kinds = [
    { modelFormat: { name: 'sklearn' }, protocolVersion: 'v2' },
    { modelFormat: { name: 'sklearn' }, protocolVersion: 'v1' },
    { modelFormat: { name: 'xgboost' }, protocolVersion: 'v2' },
    { modelFormat: { name: 'tensorflow' }, protocolVersion: 'v1' },
  ];
  return Array.from({ length: count }, (_, index) =>
    single(`model-${index}`, {
      metadata: { namespace: `team-${index % 7}`, labels: { owner: `person-${index}` } },
      predictor: { minReplicas: 1 + (index % 3), ...(index % 11 === 0 && { nodeSelector: { disk: 'ssd' } }) },
      model: kinds[index % kinds.length]!,
    }),
  );
}

describe('mms fold', () => {
  it('prints who can share, who cannot and why, the changes, and the assumptions', async () => {
    const { code, stdout, stderr } = await fold([
      ...['rose', 'tulip', 'iris'].map((name) => single(name)),
      single('vase', { spec: { transformer: {} } }),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^3 InferenceServices could share 1 pod instead of 3\./);
    expect(stdout).toMatch(/^flowers\/sklearn-shared +3 +kserve-mlserver +v2 +3 -> 1 +3 -> 1\.1 /m);
    expect(stdout).toMatch(/^flowers\/vase +Transformer +/m);
    for (const words of ['sklearn-shared-predictor.flowers', 'Service account default', 'run out of memory'])
      expect(stdout).toContain(words);
    expect(stdout).toContain('These figures assume:');
  });

  it.each(['json', 'yaml'])('prints one document as %s', async (format) => {
    const { stdout } = await fold(fleet(28), '-o', format);
    const document = parse(stdout) as FoldDocument;
    expect(document.version).toBe('kserve-mms/fold.v1');
    const named = [...document.groups.flatMap(({ models }) => models), ...document.alone];
    expect(named).toHaveLength(28);
  });

  it('analyzes 352 InferenceServices within two seconds', async () => {
    const services = fleet(352);
    // CPU time, so that other load on the machine does not count.
    const started = process.cpuUsage();
    const { stdout } = await fold(services, '-o', 'json');
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1_000).toBeLessThan(2_000);
    const document = JSON.parse(stdout) as FoldDocument;
    expect(document.groups.flatMap(({ models }) => models).length + document.alone.length).toBe(352);
  });

  it('says when nothing can be shared', async () => {
    const { code, stdout } = await fold([single('rose')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^No InferenceServices could share pods\./);
  });

  it('includes only the named InferenceServices of the named namespace', async () => {
    const services = ['a', 'b', 'c'].map((name) => single(name));
    const elsewhere = ['a', 'b'].map((name) => single(name, { metadata: { namespace: 'trees' } }));
    const { stdout } = await fold([...services, ...elsewhere], 'a', 'isvc/b', '-n', 'flowers', '-o', 'json');
    const { groups, alone } = JSON.parse(stdout) as FoldDocument;
    expect(groups.map(({ models }) => models.map(({ name }) => name))).toEqual([['a', 'b']]);
    expect(alone).toEqual([]);
  });

  it('plots pods, CPU and memory', async () => {
    const file = join(directory, 'saved.svg');
    await fold(fleet(28), '--plot', file);
    const svg = await readFile(file, 'utf8');
    expect(svg).toMatch(/^<svg [^]*Pods[^]*CPU requested[^]*Memory requested[^]*<\/svg>\n$/);
  });

  it.each([
    ['an unknown name', ['nosuch'], 1, /there is no InferenceService "nosuch"/],
    ['an invalid price', ['--cpu-price', 'dear'], 2, /such as 0\.04/],
    ['invalid memory', ['--model-memory', '-1Mi'], 2, /such as 256Mi/],
    ['one model for each pod', ['--models-per-pod', '1'], 2, /2 or more/],
    ['a missing file', ['-f', '/nonexistent/file.yaml'], 1, /cannot read/],
    ['a plot that cannot be written', ['--plot', '/nonexistent/a.svg'], 1, /cannot write/],
  ])('rejects %s', async (_what, args, code, words) => {
    const outcome = await fold([single('rose')], ...args);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(words);
  });

  it('rejects files without an InferenceService', async () => {
    const { code, stderr } = await runCommand(['fold', '-f', '-'], { input: 'apiVersion: v1\nkind: Pod\n' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/there is no InferenceService in -/);
  });
});

describe('mms fold --write', () => {
  let runs = 0;
  const written = async (services: readonly InferenceService[], ...args: readonly string[]) => {
    const to = join(directory, `run-${(runs += 1)}`);
    const outcome = await fold(services, '--write', to, ...args);
    return { to, outcome };
  };

  it('writes files without findings of mms analyze', async () => {
    const { to } = await written(fleet(84));
    const analysis = await runCommand(['analyze', '-f', to, '--fail-on', 'info']);
    expect({ code: analysis.code, stdout: analysis.stdout }).toEqual({ code: 0, stdout: '' });
  });

  it('keeps the common fields, and makes it multi-model', async () => {
    const alike = {
      metadata: { labels: { team: 'garden', 'app.kubernetes.io/instance': 'x' } },
      predictor: { serviceAccountName: 'gardener', nodeSelector: { disk: 'ssd' }, maxReplicas: 5 },
    };
    const model = {
      resources: {
        requests: { cpu: '2', memory: '1Gi' },
        limits: { cpu: '3', memory: '1Gi', 'nvidia.com/gpu': 1 },
      },
    };
    const services = ['rose', 'tulip'].map((name) =>
      single(name, {
        ...alike,
        metadata: { ...alike.metadata, labels: { ...alike.metadata.labels, owner: name } },
        model: { ...model, env: [{ name: 'A', value: 'b' }] },
      }),
    );
    const { to } = await written(services, '--model-memory', '20Mi');
    const shared = parse(
      await readFile(join(to, 'flowers/sklearn-shared/inference-service.yaml'), 'utf8'),
    ) as InferenceService;
    expect(isMMSPredictor(shared.spec?.predictor).isMms).toBe(true);
    expect(shared).toEqual({
      ...{ apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService' },
      metadata: { name: 'sklearn-shared', namespace: 'flowers', labels: { team: 'garden' } },
      spec: {
        predictor: {
          ...{
            serviceAccountName: 'gardener',
            nodeSelector: { disk: 'ssd' },
            minReplicas: 1,
            maxReplicas: 5,
          },
          model: {
            ...{ modelFormat: { name: 'sklearn' }, protocolVersion: 'v2', env: [{ name: 'A', value: 'b' }] },
            resources: {
              requests: { cpu: '2', memory: '253Mi' },
              limits: { cpu: '3', memory: '317Mi', 'nvidia.com/gpu': 1 },
            },
          },
        },
      },
    });
    expect(await readFile(join(to, 'flowers/sklearn-shared/model-rose.yaml'), 'utf8')).toBe(
      '# Memory: 20Mi, as given with --model-memory.\n' +
        stringify({
          ...{ apiVersion: 'serving.kserve.io/v1alpha1', kind: 'TrainedModel' },
          metadata: { name: 'rose', namespace: 'flowers' },
          spec: {
            inferenceService: 'sklearn-shared',
            model: { storageUri: 's3://models/rose', framework: 'sklearn', memory: '20Mi' },
          },
        }),
    );
    const kustomization = parse(
      await readFile(join(to, 'flowers/sklearn-shared/kustomization.yaml'), 'utf8'),
    ) as { resources: string[] };
    expect(kustomization.resources.sort()).toEqual(
      (await readdir(join(to, 'flowers/sklearn-shared')))
        .filter((name) => name !== 'kustomization.yaml')
        .sort(),
    );
  });

  it('names a runtime if any of them names it, and leaves a guessed one to KServe', async () => {
    const runtimeOf = async (named: string | undefined) => {
      const { to } = await written([single('a'), single('b', { model: { runtime: named } })]);
      const text = await readFile(join(to, 'flowers/sklearn-shared/inference-service.yaml'), 'utf8');
      return (parse(text) as { spec: { predictor: { model: { runtime?: string } } } }).spec.predictor.model
        .runtime;
    };
    expect(await runtimeOf('kserve-mlserver')).toBe('kserve-mlserver');
    expect(await runtimeOf(undefined)).toBeUndefined();
  });

  it('marks guessed memory', async () => {
    const { to } = await written(['rose', 'tulip'].map((name) => single(name)));
    expect(await readFile(join(to, 'flowers/sklearn-shared/model-rose.yaml'), 'utf8')).toMatch(
      /^# .* is a guess/,
    );
  });

  it('writes the same files again, and replaces other files only with --force', async () => {
    const services = ['rose', 'tulip'].map((name) => single(name));
    const { to } = await written(services);
    const file = join(to, 'flowers/sklearn-shared/model-rose.yaml');
    expect((await fold(services, '--write', to)).code).toBe(0);
    await writeFile(file, 'mine');
    const refused = await fold(services, '--write', to);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/exists already/);
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect((await fold(services, '--write', to, '--force')).code).toBe(0);
    expect(await readFile(file, 'utf8')).not.toBe('mine');
  });

  it.each(['../../outside', '..', 'a/b', 'UPPER'])('writes nothing for a namespace %s', async (namespace) => {
    const { to, outcome } = await written(
      ['a', 'b'].map((name) => single(name, { metadata: { namespace } })),
    );
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/cannot be the name of a namespace/);
    await expect(readdir(to)).rejects.toThrow(/ENOENT/);
  });

  it('omits the namespace if the files omit it', async () => {
    const services = ['rose', 'tulip'].map((name) => single(name, { metadata: { namespace: undefined } }));
    const { to } = await written(services);
    const text = await readFile(join(to, 'sklearn-shared/model-rose.yaml'), 'utf8');
    expect((parse(text) as InferenceService).metadata).toEqual({ name: 'rose' });
  });
});
