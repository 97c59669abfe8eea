import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pod } from '../../src/contract/pod.ts';
import { runCommand } from '../support/command-run.ts';
import { ROOT } from '../support/page.ts';

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ name: 'flowers-predictor', namespace: 'mms-example' },
    labels: { component: 'predictor', 'serving.kserve.io/inferenceservice': 'flowers' },
  },
  spec: { serviceAccountName: 'models', containers: [{ name: 'kserve-container', image: 'mlserver:1' }] },
};

/** By section, what its examples give the agent: names of variables, and mounted paths. */
const GIVEN: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'S3 and MinIO': [
    [
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'S3_USE_HTTPS',
      'S3_ENDPOINT',
      'AWS_ENDPOINT_URL',
      'AWS_DEFAULT_REGION',
    ],
  ],
  'IRSA: roles of AWS for service accounts': [['AWS_DEFAULT_REGION']],
  GCS: [['GOOGLE_APPLICATION_CREDENTIALS', '/var/secrets/'], []],
  'Azure Blob Storage': [['AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET', 'AZURE_TENANT_ID'], []],
  'HTTP and HTTPS': [['models.example.com-headers']],
  'Hugging Face': [['HF_TOKEN']],
};

describe('the examples of docs/credentials.md', () => {
  let directory: string;
  let sections: ReadonlyMap<string, readonly string[]>;
  let inferenceService: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-credentials-page-'));
    const [start = '', ...rest] = (await readFile(join(ROOT, 'docs/credentials.md'), 'utf8')).split('\n## ');
    [inferenceService = ''] = yamlIn(start);
    sections = new Map(rest.map((text) => [text.split('\n', 1)[0] ?? '', yamlIn(text)]));
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('are all tested', () => {
    const withExamples = [...sections].filter(([, blocks]) => blocks.length > 0).map(([name]) => name);
    expect(withExamples.sort()).toEqual(Object.keys(GIVEN).sort());
    expect(inferenceService).toMatch(/^ {4}serviceAccountName: models$/m);
  });

  it.each(Object.entries(GIVEN))('give the agent what it needs: %s', async (section, expected) => {
    const given: string[][] = [];
    for (const example of sections.get(section) ?? []) given.push(await givenBy(example));
    expect(given.map((names) => names.sort())).toEqual(expected.map((names) => [...names].sort()));
  });

  async function givenBy(example: string): Promise<string[]> {
    const [pod, objects] = [join(directory, 'pod.yaml'), join(directory, 'objects.yaml')];
    await writeFile(pod, `${JSON.stringify(POD)}\n---\n${inferenceService}`);
    await writeFile(objects, example);
    const { code, stdout, stderr } = await runCommand([
      ...['inject', '-f', pod, '--objects', objects, '-o', 'json'],
    ]);
    expect({ code, warnings: stderr.match(/^warning: .*$/gm) }).toEqual({ code: 0, warnings: null });
    const agent = (JSON.parse(stdout) as Pod).spec.containers.find(({ name }) => name === 'agent');
    const mounts = (agent?.volumeMounts ?? []).map(({ mountPath }) => mountPath);
    return [
      ...(agent?.env ?? []).map(({ name }) => name),
      ...mounts.filter((path) => path.startsWith('/var/secrets')),
    ];
  }
});

function yamlIn(text: string): string[] {
  return [...text.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, block = '']) => block);
}
