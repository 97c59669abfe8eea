import { describe, expect, it } from '@jest/globals';
import { addressOf, hashOf, isSameView, routeOf } from '../../../../src/page/browser/route.ts';
import type { Route } from '../../../../src/page/browser/route.ts';

const service = { kind: 'service', namespace: 'ns', name: 'a', filter: '', state: '', from: 0 } as const;

describe('the route of the page', () => {
  it.each<[string, Route, string]>([
    ['#/', { kind: 'services', filter: '', multiModel: false, from: 0 }, '/api/v1/inferenceservices'],
    [
      '#/?filter=a+b%2Fc&from=100',
      { kind: 'services', filter: 'a b/c', multiModel: false, from: 100 },
      '/api/v1/inferenceservices?filter=a+b%2Fc&from=100',
    ],
    [
      '#/?multi-model=true',
      { kind: 'services', filter: '', multiModel: true, from: 0 },
      '/api/v1/inferenceservices?multi-model=true',
    ],
    ['#/ns/a', service, '/api/v1/inferenceservices/ns/a'],
    ['#/ns/a?state=Failed', { ...service, state: 'Failed' }, '/api/v1/inferenceservices/ns/a?state=Failed'],
    [
      '#/ns/a/__proto__',
      { kind: 'model', namespace: 'ns', name: 'a', model: '__proto__' },
      '/api/v1/trainedmodels/ns/__proto__',
    ],
    [
      '#/ns/a/%3Cimg%20src%3Dx%3E',
      { kind: 'model', namespace: 'ns', name: 'a', model: '<img src=x>' },
      '/api/v1/trainedmodels/ns/%3Cimg%20src%3Dx%3E',
    ],
  ])('%s', (hash, route, address) => {
    expect(routeOf(hash)).toEqual(route);
    expect(hashOf(route)).toBe(hash);
    expect(addressOf(route)).toBe(address);
  });

  it.each([
    ['', 'services'],
    ['#', 'services'],
    ['#/ns', 'services'],
    ['#/ns/a/b/c', 'services'],
    ['#/%E0%A4%A/b', 'services'],
    ['#/ns/a?state=nonsense&from=-7', 'service'],
  ])('%s is invalid and leads to %s', (hash, kind) => {
    const route = routeOf(hash);
    expect(route.kind).toBe(kind);
    expect(addressOf(route)).not.toMatch(/nonsense|-7/);
  });

  it('keeps the view when only the query changes', () => {
    expect(isSameView(service, { ...service, filter: 'x', state: 'Failed', from: 100 })).toBe(true);
    expect(isSameView(service, { ...service, name: 'b' })).toBe(false);
    expect(isSameView(service, { kind: 'model', namespace: 'ns', name: 'a', model: 'm' })).toBe(false);
  });
});
