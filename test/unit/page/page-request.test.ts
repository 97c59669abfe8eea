import { describe, expect, it } from '@jest/globals';
import { readPageRequest } from '../../../src/page/page-request.decide.ts';

const LIST = '/api/v1/inferenceservices';
const read = (target: string, { method = 'GET', host = 'localhost:8088' } = {}) =>
  readPageRequest({ method, target, host });

describe('a request to the page', () => {
  it.each([
    ['/', { kind: 'file', path: '/' }],
    ['/page.js?v=1', { kind: 'file', path: '/page.js' }],
    ['/../../etc/passwd', { kind: 'file', path: '/../../etc/passwd' }],
    ['//', { kind: 'file', path: '//' }],
    [LIST, { kind: 'services', filter: '', multiModel: false, from: 0 }],
    [`${LIST}?multi-model=true`, { kind: 'services', filter: '', multiModel: true, from: 0 }],
    [`${LIST}?multi-model=maybe`, { kind: 'services', filter: '', multiModel: false, from: 0 }],
    [`${LIST}?filter=a%2Fb&from=100`, { kind: 'services', filter: 'a/b', multiModel: false, from: 100 }],
    [
      `${LIST}/ns/flowers?state=Failed`,
      { kind: 'service', namespace: 'ns', name: 'flowers', filter: '', state: 'Failed', from: 0 },
    ],
    [
      `${LIST}/ns/constructor`,
      { kind: 'service', namespace: 'ns', name: 'constructor', filter: '', state: undefined, from: 0 },
    ],
    ['/api/v1/trainedmodels/ns/__proto__', { kind: 'model', namespace: 'ns', name: '__proto__' }],
    ['/api/v1/trainedmodels/ns/a.b%25', { kind: 'model', namespace: 'ns', name: 'a.b%' }],
  ])('%s is accepted', (target, wanted) => {
    expect(read(target)).toEqual(wanted);
  });

  it.each([
    [`${LIST}?from=-1`, 400],
    [`${LIST}?from=1e999`, 400],
    [`${LIST}?from=x`, 400],
    [`${LIST}?filter=${'x'.repeat(254)}`, 400],
    [`${LIST}/ns/a?state=toString`, 400],
    [`${LIST}/ns`, 404],
    [`${LIST}/ns/`, 404],
    [`${LIST}/ns/a/b`, 404],
    // Would be the key of another object.
    [`${LIST}/ns/a%2Fb`, 404],
    [`${LIST}/%E0%A4%A/b`, 404],
    ['/api/v2/inferenceservices', 404],
    ['/api/', 404],
  ])('%s is rejected with %i', (target, status) => {
    expect(read(target)).toMatchObject({ kind: 'refused', status });
  });

  it.each([
    ['localhost', true],
    ['LOCALHOST:1', true],
    ['127.0.0.1:65535', true],
    ['[::1]:8088', true],
    [undefined, false],
    ['', false],
    ['localhost.evil.example', false],
    ['evil.example', false],
    ['localhost:8088@evil.example', false],
    ['127.0.0.1.nip.io', false],
    ['10.0.0.1', false],
  ])('with Host: %s is answered: %s', (host, answered) => {
    const { kind } = readPageRequest({ method: 'GET', target: '/', host });
    expect(kind === 'file').toBe(answered);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'CONNECT', undefined])(
    'with the method %s is rejected',
    (method) => {
      expect(readPageRequest({ method, target: '/', host: 'localhost' })).toMatchObject({ status: 405 });
    },
  );
});
