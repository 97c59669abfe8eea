import { describe, expect, it } from '@jest/globals';
import { respond, type AdmissionDecision } from '../../../src/admission/admission-review.decide.ts';

const patch = [{ op: 'add', path: '/metadata/labels/größe', value: '大' }] as const;

describe('the answer to a review', () => {
  it.each<[string, AdmissionDecision, object]>([
    ['allowed', { kind: 'allowed' }, { allowed: true }],
    [
      'patched: the patch in base64 of UTF-8',
      { kind: 'patched', patch },
      { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') },
    ],
    ['patched with nothing to change is allowed', { kind: 'patched', patch: [] }, { allowed: true }],
    [
      'denied',
      { kind: 'denied', code: 403, reason: 'Forbidden', message: 'rename the container' },
      { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'rename the container' } },
    ],
    [
      'errored, may pass later: clients are told to try again',
      { kind: 'errored', retryable: true, message: 'no answer' },
      {
        allowed: false,
        status: {
          code: 503,
          reason: 'ServiceUnavailable',
          message: 'no answer',
          details: { retryAfterSeconds: 1 },
        },
      },
    ],
    [
      'errored for good',
      { kind: 'errored', retryable: false, message: 'broken' },
      { allowed: false, status: { code: 500, reason: 'InternalError', message: 'broken' } },
    ],
    [
      'errored with a code of its own',
      { kind: 'errored', code: 504, retryable: false, message: 'late' },
      { allowed: false, status: { code: 504, reason: 'Timeout', message: 'late' } },
    ],
    [
      'audit annotations: keys that the API server would drop are mended',
      {
        kind: 'allowed',
        auditAnnotations: { reason: 'Injected', 'a/b c': '1', '-x-': '2', '//': '3', ['k'.repeat(80)]: '4' },
      },
      {
        allowed: true,
        auditAnnotations: { reason: 'Injected', 'a-b-c': '1', x: '2', ['k'.repeat(63)]: '4' },
      },
    ],
    [
      'warnings: in one line each, empty ones left out',
      { kind: 'allowed', warnings: ['two\n lines\u0007', '', ' \n'] },
      { allowed: true, warnings: ['two lines'] },
    ],
    ['no warnings, no field', { kind: 'allowed', warnings: [''] }, { allowed: true }],
    [
      'a warning over 256 characters is cut at a space',
      { kind: 'allowed', warnings: [`${'a'.repeat(200)} ${'b'.repeat(100)}`] },
      { allowed: true, warnings: [`${'a'.repeat(200)}…`] },
    ],
    [
      'warnings over 4096 characters in all: the first ones',
      { kind: 'allowed', warnings: Array.from({ length: 20 }, (_, index) => String(index).padEnd(256, 'x')) },
      { allowed: true, warnings: Array.from({ length: 16 }, (_, index) => String(index).padEnd(256, 'x')) },
    ],
    [
      '__proto__ as a key is a key',
      { kind: 'allowed', auditAnnotations: JSON.parse('{"__proto__":"x"}') as Record<string, string> },
      { allowed: true, auditAnnotations: { proto: 'x' } },
    ],
  ])('%s', (_name, decision, response) => {
    expect(respond('uid-1', decision)).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: 'uid-1', ...response },
    });
  });

  it('no half characters where a warning is cut', () => {
    const { response } = respond('uid-1', { kind: 'allowed', warnings: ['😀'.repeat(200)] });
    expect(response.warnings?.[0]?.isWellFormed()).toBe(true);
  });
});
