import { describe, expect, it } from '@jest/globals';
import { shortened } from '../../../src/contract/cause-text.ts';
import { errorFromResponse } from '../../../src/kube/api-error.ts';

const status = (reason: string, more: object = {}): string =>
  JSON.stringify({ kind: 'Status', status: 'Failure', message: 'said so', reason, ...more });

describe('responses of the API server as errors', () => {
  it.each([
    [400, status('BadRequest'), 'API_BAD_REQUEST', false],
    [401, status('Unauthorized'), 'API_UNAUTHORIZED', true],
    [403, status('Forbidden'), 'API_FORBIDDEN', true],
    [404, status('NotFound'), 'API_NOT_FOUND', false],
    [409, status('Conflict'), 'API_CONFLICT', true],
    [409, status('AlreadyExists'), 'API_ALREADY_EXISTS', true],
    [410, status('Expired'), 'API_GONE', true],
    [410, status('Gone'), 'API_GONE', true],
    [413, '', 'API_BAD_REQUEST', false],
    [422, status('Invalid'), 'API_INVALID', false],
    [429, status('TooManyRequests'), 'API_TOO_MANY_REQUESTS', true],
    [500, status('InternalError'), 'API_SERVER_ERROR', true],
    [503, 'upstream connect error', 'API_SERVER_ERROR', true],
    [302, '', 'API_BAD_RESPONSE', true],
  ])('HTTP %i %s is %s', (http, body, code, retryable) => {
    expect(errorFromResponse('get x', http, body)).toMatchObject({ code, retryable, status: http });
  });

  it.each([
    ['the Status', status('TooManyRequests', { details: { retryAfterSeconds: 3 } }), undefined, 3000],
    ['the header', status('TooManyRequests'), '2', 2000],
    ['the Status before the header', status('x', { details: { retryAfterSeconds: 3 } }), '2', 3000],
    ['neither', '', undefined, undefined],
    ['a header with a date', '', 'Wed, 21 Oct 2026 07:28:00 GMT', undefined],
  ])('reads the time to wait from %s', (_what, body, header, expected) => {
    expect(errorFromResponse('get x', 429, body, header).retryAfter).toBe(expected);
  });

  it.each([
    ['a Status', 404, status('NotFound'), 'said so (HTTP 404 NotFound) [get x]'],
    ['plain text', 503, 'starting\n', 'starting (HTTP 503) [get x]'],
    ['nothing', 500, '', 'the answer had no message (HTTP 500) [get x]'],
    ['JSON that is not an object', 500, '[1]', '[1] (HTTP 500) [get x]'],
    ['a long page', 502, 'p'.repeat(5000), `${shortened('p'.repeat(5000), 200)} (HTTP 502) [get x]`],
  ])('reports the content for %s', (_what, http, body, message) => {
    expect(errorFromResponse('get x', http, body).message).toBe(message);
  });

  it('keeps the reason and the details', () => {
    const details = { name: 'x', causes: [{ field: 'metadata.name' }] };
    expect(errorFromResponse('create x', 422, status('Invalid', { details }))).toMatchObject({
      reason: 'Invalid',
      details,
    });
  });
});
