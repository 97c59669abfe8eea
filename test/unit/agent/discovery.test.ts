import { describe, expect, it } from '@jest/globals';
import type { ModelServerAdapter, ServerHealth } from '../../../src/agent/model-server/adapter.ts';
import { discoverModelServer } from '../../../src/agent/model-server/discovery.ts';

const asked: string[] = [];
const server = (
  name: string,
  health: ServerHealth,
  hasIndex: boolean,
  saysRepository = false,
): ModelServerAdapter => ({
  health: () => Promise.resolve(health),
  saysRepository: () => Promise.resolve(saysRepository),
  index: () => Promise.resolve(hasIndex ? new Map() : undefined),
  ready: () => Promise.resolve(true),
  load: () => {
    asked.push(name);
    return Promise.resolve({ kind: 'done' });
  },
  unload: () => Promise.resolve({ kind: 'done' }),
  memory: () => Promise.resolve(undefined),
  loadsAllAtStart: () => Promise.resolve(false),
});
const SPEC = { storageUri: 's3://b/m', framework: 'sklearn', memory: '1' };

describe('where the model server is', () => {
  const TABLE: readonly (readonly [string, ModelServerAdapter, ModelServerAdapter, ServerHealth, string])[] =
    [
      ['at the component', server('component', 'up', true), server('8080', 'gone', false), 'up', 'component'],
      ['behind a transformer', server('component', 'up', false), server('8080', 'up', true), 'up', '8080'],
      [
        'behind a transformer that is up first',
        server('component', 'up', false),
        server('8080', 'gone', false),
        'busy',
        'component',
      ],
      [
        'not at a stranger that is up before the component',
        server('component', 'gone', false),
        server('8080', 'up', true),
        'busy',
        'component',
      ],
      [
        'not at a stranger while the component starts',
        server('component', 'busy', false),
        server('8080', 'up', true),
        'busy',
        'component',
      ],
      [
        'behind a transformer, and both made with KServe’s library',
        server('component', 'up', false, true),
        server('8080', 'up', false, true),
        'up',
        '8080',
      ],
      [
        'not at a component made with KServe’s library, which may be a transformer that is up first',
        server('component', 'up', false, true),
        server('8080', 'gone', false),
        'busy',
        'component',
      ],
      [
        'beside a first port that speaks gRPC',
        server('component', 'foreign', false),
        server('8080', 'up', true),
        'up',
        '8080',
      ],
      [
        'beside a first port that speaks gRPC, without an index',
        server('component', 'foreign', false),
        server('8080', 'up', false, true),
        'up',
        '8080',
      ],
      [
        'not yet found beside a first port that speaks gRPC',
        server('component', 'foreign', false),
        server('8080', 'gone', false),
        'busy',
        'component',
      ],
      ['nowhere yet', server('component', 'gone', false), server('8080', 'gone', false), 'gone', 'component'],
    ];
  it.each(TABLE)('%s', async (_name, component, usual, health, taken) => {
    const found = discoverModelServer([component, usual]);
    expect(await found.health()).toBe(health);
    await found.load('m', '/m', SPEC);
    expect(asked.pop()).toBe(taken);
  });

  it.each<[string, ServerHealth, ServerHealth, string]>([
    ['the only one that answers', 'up', 'gone', 'component'],
    ['the component, where a stranger answers too', 'up', 'up', 'component'],
    ['the other, where the component never answers', 'busy', 'up', '8080'],
  ])('is in the end %s, without an index', async (_name, component, usual, taken) => {
    const found = discoverModelServer([server('component', component, false), server('8080', usual, false)]);
    const healths = new Set<ServerHealth>();
    for (let look = 0; look < 151; look++) healths.add(await found.health());
    expect([...healths]).toEqual(['busy', 'up']);
    await found.load('m', '/m', SPEC);
    expect(asked.pop()).toBe(taken);
  });
});
