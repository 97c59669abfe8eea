import { expect, it } from '@jest/globals';
import { gcsPage } from '../../../../src/agent/sources/gs.ts';
import { SourceUnavailableError } from '../../../../src/agent/sources/errors.ts';

const item = { name: 'm/a', size: '1', generation: '7' };

it('reads a page of objects with the token of the next one', () => {
  const { objects, next } = gcsPage({ kind: 'storage#objects', items: [item], nextPageToken: 't' });
  expect({ keys: objects.map(({ key }) => key), next }).toEqual({ keys: ['m/a'], next: 't' });
});

it('reads an empty last page', () => {
  expect(gcsPage({ kind: 'storage#objects' })).toEqual({ objects: [], next: undefined });
});

it.each([
  ['an error with status 200', { error: { code: 503, message: 'backend' } }],
  ['nothing', {}],
  ['objects of another kind', { kind: 'storage#buckets', items: [item] }],
  ['a list', []],
  ['null', null],
  ['items that are not a list', { kind: 'storage#objects', items: {} }],
  ['an object without a name', { kind: 'storage#objects', items: [{ size: '1' }] }],
  ['a token that is not a string', { kind: 'storage#objects', nextPageToken: 7 }],
])('rejects %s as a listing', (_what, answer) => {
  expect(() => gcsPage(answer)).toThrow(SourceUnavailableError);
});
