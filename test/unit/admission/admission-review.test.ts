import { describe, expect, it } from '@jest/globals';
import { respond, type AdmissionDecision } from '../../../src/admission/admission-review.decide.ts';

const patch = [{ op: 'add', path: '/metadata/labels/größe', value: '大' }] as const;

describe('the response to a review', () => {
  it.each<[string, AdmissionDecision, object]>([
    ['allowed', { kind: 'allowed' }, { allowed: true }],
    [
      'patched: the patch is base64 of UTF-8',
      { kind: 'patched', patch },
      { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') },
    ],
    ['an empty patch is allowed', { kind: 'patched', patch: [] }, { allowed: true }],
    [
      'denied',
      { kind: 'denied', code: 403, reason: 'Forbidden', message: 'rename the container' },
      { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'rename the container' } },
    ],
    [
      'a retryable error asks clients to retry',
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
      'a permanent error',
      { kind: 'errored', retryable: false, message: 'broken' },
      { allowed: false, status: { code: 500, reason: 'InternalError', message: 'broken' } },
    ],
    [
      'an error with its own code',
      { kind: 'errored', code: 504, retryable: false, message: 'late' },
      { allowed: false, status: { code: 504, reason: 'Timeout', message: 'late' } },
    ],
    [
      'audit annotations: invalid keys are replaced with valid ones',
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
      'warnings: one line each, without empty ones',
      { kind: 'allowed', warnings: ['two\n lines\u0007', '', ' \n'] },
      { allowed: true, warnings: ['two lines'] },
    ],
    ['only empty warnings: no field', { kind: 'allowed', warnings: [''] }, { allowed: true }],
    [
      'a warning of more than 256 characters is cut at a space',
      { kind: 'allowed', warnings: [`${'a'.repeat(200)} ${'b'.repeat(100)}`] },
      { allowed: true, warnings: [`${'a'.repeat(200)}…`] },
    ],
    [
      'warnings of more than 4096 characters in total: only the first ones',
      { kind: 'allowed', warnings: Array.from({ length: 20 }, (_, index) => String(index).padEnd(256, 'x')) },
      { allowed: true, warnings: Array.from({ length: 16 }, (_, index) => String(index).padEnd(256, 'x')) },
    ],
    [
      '__proto__ is an ordinary key',
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

  it('does not split a surrogate pair when it cuts a warning', () => {
    const { response } = respond('uid-1', { kind: 'allowed', warnings: ['😀'.repeat(200)] });
    expect(response.warnings?.[0]?.isWellFormed()).toBe(true);
  });
});
