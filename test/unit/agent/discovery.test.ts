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

describe('discovering the model server', () => {
  const TABLE: readonly (readonly [string, ModelServerAdapter, ModelServerAdapter, ServerHealth, string])[] =
    [
      ['the component', server('component', 'up', true), server('8080', 'gone', false), 'up', 'component'],
      [
        'behind a transformer: 8080',
        server('component', 'up', false),
        server('8080', 'up', true),
        'up',
        '8080',
      ],
      [
        'a component without an index is not used yet',
        server('component', 'up', false),
        server('8080', 'gone', false),
        'busy',
        'component',
      ],
      [
        '8080 is not used while the component is gone',
        server('component', 'gone', false),
        server('8080', 'up', true),
        'busy',
        'component',
      ],
      [
        '8080 is not used while the component starts',
        server('component', 'busy', false),
        server('8080', 'up', true),
        'busy',
        'component',
      ],
      [
        'behind a transformer, both with KServe’s library: 8080',
        server('component', 'up', false, true),
        server('8080', 'up', false, true),
        'up',
        '8080',
      ],
      [
        'a component with KServe’s library is not used yet, because it may be a transformer',
        server('component', 'up', false, true),
        server('8080', 'gone', false),
        'busy',
        'component',
      ],
      [
        'beside a gRPC port: 8080',
        server('component', 'foreign', false),
        server('8080', 'up', true),
        'up',
        '8080',
      ],
      [
        'beside a gRPC port: 8080 without an index',
        server('component', 'foreign', false),
        server('8080', 'up', false, true),
        'up',
        '8080',
      ],
      [
        'beside a gRPC port: nothing yet',
        server('component', 'foreign', false),
        server('8080', 'gone', false),
        'busy',
        'component',
      ],
      ['nothing yet', server('component', 'gone', false), server('8080', 'gone', false), 'gone', 'component'],
    ];
  it.each(TABLE)('%s', async (_name, component, usual, health, taken) => {
    const found = discoverModelServer([component, usual]);
    expect(await found.health()).toBe(health);
    await found.load('m', '/m', SPEC);
    expect(asked.pop()).toBe(taken);
  });

  it.each<[string, ServerHealth, ServerHealth, string]>([
    ['the only one that responds', 'up', 'gone', 'component'],
    ['the component, when both respond', 'up', 'up', 'component'],
    ['the other, when the component never responds', 'busy', 'up', '8080'],
  ])('finally uses %s, without an index', async (_name, component, usual, taken) => {
    const found = discoverModelServer([server('component', component, false), server('8080', usual, false)]);
    const healths = new Set<ServerHealth>();
    for (let look = 0; look < 151; look++) healths.add(await found.health());
    expect([...healths]).toEqual(['busy', 'up']);
    await found.load('m', '/m', SPEC);
    expect(asked.pop()).toBe(taken);
  });
});
