import { describe, expect, it } from '@jest/globals';
import { LEFT_OUT, redacted, withoutAccess } from '../../../../src/cli/diagnostics/redaction.decide.ts';

describe('redacting an object', () => {
  it.each<[string, unknown, unknown]>([
    [
      'variables: keeps names and references, and only our values',
      {
        env: [
          { name: 'MMS_LOG_LEVEL', value: 'info' },
          { name: 'API_KEY', value: 'hunter2' },
          { name: 'models.example-headers', value: '{"Authorization":"hunter2"}' },
          { name: 'AWS_SECRET_ACCESS_KEY', valueFrom: { secretKeyRef: { name: 's3', key: 'k' } } },
        ],
      },
      {
        env: [
          { name: 'MMS_LOG_LEVEL', value: 'info' },
          { name: 'API_KEY', value: LEFT_OUT },
          { name: 'models.example-headers', value: LEFT_OUT },
          { name: 'AWS_SECRET_ACCESS_KEY', valueFrom: { secretKeyRef: { name: 's3', key: 'k' } } },
        ],
      },
    ],
    [
      'annotations: keeps names, and values of KServe and ours',
      {
        metadata: {
          name: 'a',
          annotations: {
            'kubectl.kubernetes.io/last-applied-configuration': '{"hunter2":1}',
            'internal.serving.kserve.io/agent': 'true',
            'kserve-mms/model-config-version': '12',
          },
        },
      },
      {
        metadata: {
          name: 'a',
          annotations: {
            'kubectl.kubernetes.io/last-applied-configuration': LEFT_OUT,
            'internal.serving.kserve.io/agent': 'true',
            'kserve-mms/model-config-version': '12',
          },
        },
      },
    ],
    [
      'arguments: keeps those of the agent and the manager',
      [
        { name: 'agent', args: ['--model-dir', '/mnt/models'] },
        { name: 'kserve-container', args: ['--token', 'hunter2'], command: ['sh', '-c', 'hunter2'] },
      ],
      [
        { name: 'agent', args: ['--model-dir', '/mnt/models'] },
        { name: 'kserve-container', args: [LEFT_OUT], command: [LEFT_OUT] },
      ],
    ],
    [
      'probes: keeps names of headers',
      { httpGet: { httpHeaders: [{ name: 'Authorization', value: 'hunter2' }] } },
      { httpGet: { httpHeaders: [{ name: 'Authorization', value: LEFT_OUT }] } },
    ],
    [
      'storage spec: keeps no parameters',
      { storage: { key: 'k', parameters: { secret_access_key: 'hunter2' } } },
      { storage: { key: 'k', parameters: LEFT_OUT } },
    ],
    ['keeps no key material and no bookkeeping', { caBundle: 'abc', managedFields: [1], a: 1 }, { a: 1 }],
    [
      'JSON within a string, with redacted URIs',
      { data: { 'models.json': '[{"storageUri":"https://u:hunter2@h/m?sig=hunter2","framework":"x"}]' } },
      { data: { 'models.json': '[{"storageUri":"https://h/m","framework":"x"}]' } },
    ],
    [
      'names of prototype properties',
      JSON.parse('{"__proto__x":1,"constructor":2}'),
      { __proto__x: 1, constructor: 2 },
    ],
    ['other values than objects', [null, 5, true], [null, 5, true]],
  ])('%s', (_what, object, expected) => {
    expect(redacted(object)).toEqual(expected);
  });
});

describe('redacting a log line', () => {
  it.each([
    ['get https://h/a?X-Amz-Signature=hunter2 failed', 'get https://h/a failed'],
    ['("s3://key:hunter2@bucket/m")', '("s3://bucket/m")'],
    ['hf://hunter2@org/model, retried', 'hf://org/model, retried'],
    ['abfs://container@account.dfs.core.windows.net/m', 'abfs://container@account.dfs.core.windows.net/m'],
    ['no address in it: a/b?c=d', 'no address in it: a/b?c=d'],
  ])('%s', (line, shown) => {
    expect(withoutAccess(line)).toBe(shown);
  });
});
