import { afterEach, describe, expect, it } from '@jest/globals';
import { milliseconds } from '../../../src/lib/clock.ts';
import type { ConfigMap } from '../../../src/contract/kubernetes.ts';
import { startReflector, type Reflector } from '../../../src/kube/reflector.ts';
import type { Delta, ReflectorEvent } from '../../../src/kube/reflector-types.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { recordingLogger } from '../../support/logs.ts';
import {
  configMap,
  expired,
  json,
  list,
  scriptedApi,
  watch,
  type Answer,
  type ScriptedApi,
} from '../../support/scripted-api.ts';

describe('a reflector with a faulty API server', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  interface Following {
    readonly api: ScriptedApi;
    readonly reflector: Reflector<ConfigMap>;
    readonly reported: string[];
    readonly events: ReflectorEvent[];
  }

  async function follow(script: { lists: Answer[]; watches: Answer[] }, pageSize = 500): Promise<Following> {
    const api = await scriptedApi(script);
    const reported: string[] = [];
    const events: ReflectorEvent[] = [];
    const note = (delta: Delta<ConfigMap>): void => {
      reported.push(delta.type === 'synced' ? 'synced' : `${delta.type} ${delta.object.metadata.uid ?? ''}`);
    };
    const reflector = startReflector({
      client: api.client,
      resource: CONFIG_MAPS,
      clock: systemClock,
      random: () => 0,
      logger: recordingLogger(),
      observe: (event) => events.push(event),
      pageSize,
      timing: { backoff: { base: milliseconds(2), cap: milliseconds(20) } },
    });
    reflector.subscribe(note);
    cleanups.push(
      () => api.close(),
      () => reflector.stop(),
    );
    return { api, reflector, reported, events };
  }

  const names = ({ reflector }: Following): string =>
    [...reflector.cache.list()].map((object) => object.metadata.name).join();
  const ended = ({ events }: Following): string[] =>
    events.flatMap((event) => (event.type === 'watch-ended' ? [event.reason] : []));

  it.each([
    ['no items', json({ kind: 'ConfigMapList', metadata: { resourceVersion: '5' } })],
    ['items that are not a list', json({ metadata: { resourceVersion: '5' }, items: {} })],
    ['no version', json({ metadata: {}, items: [] })],
    ['an item without a name', json(list([{ metadata: {} }], '5'))],
    ['an HTML page', json('<html></html>')],
    ['a truncated response', json('{"metadata":{"resourceVersion":"5"},"items":[')],
    ['500', json({ kind: 'Status', code: 500 }, 500)],
  ])('treats a list with %s as an error, not as an empty list', async (_what, broken) => {
    const good = json(list([configMap('a', '1')], '5'));
    const watches = [watch([{ type: 'ERROR', object: expired() }], 'end'), watch([])];
    const following = await follow({ lists: [broken, good, broken, good], watches });
    await eventuallyTrue(
      'it watches for good',
      () => following.api.requests.filter((q) => q.has('watch')).length === 2,
    );
    expect(following.reported).toEqual(['added a', 'synced']);
    expect(names(following)).toBe('a');
  });

  it.each([
    ['a malformed line', ['{"type":"ADD'], 'API_BAD_RESPONSE'],
    ['an error of the server', [{ type: 'ERROR', object: { code: 500, message: 'x' } }], 'API_SERVER_ERROR'],
    ['an expired version', [{ type: 'ERROR', object: expired() }], 'API_GONE'],
  ])('lists again after %s in a watch', async (_what, lines, reason) => {
    const lists = [json(list([configMap('a', '1')], '5')), json(list([configMap('b', '6')], '7'))];
    const following = await follow({ lists, watches: [watch(lines, 'end'), watch([])] });
    await eventuallyTrue('it has the new list', () => names(following) === 'b');
    expect(ended(following)).toEqual([reason]);
    expect(following.reported).toEqual(['added a', 'synced', 'deleted a', 'added b']);
  });

  it('lists again without pages when the snapshot expires between pages', async () => {
    const lists = [
      json(list([configMap('a', '1')], '5', 'more')),
      json(expired(), 410),
      json(list([configMap('a', '1'), configMap('b', '2')], '6')),
    ];
    const following = await follow({ lists, watches: [watch([])] }, 2);
    await following.reflector.synced;
    expect(names(following)).toBe('a,b');
    const asked = following.api.requests.filter((q) => !q.has('watch'));
    expect(asked.map((q) => `${q.get('limit') ?? 'all'} ${q.get('continue') ?? ''}`)).toEqual([
      '2 ',
      '2 more',
      'all ',
    ]);
  });

  it('emits nothing of an incomplete list', async () => {
    const lists = [json(list([configMap('a', '1')], '5', 'more')), json('', 500), json(list([], '9'))];
    const following = await follow({ lists, watches: [watch([])] }, 2);
    await following.reflector.synced;
    expect(following.reported).toEqual(['synced']);
  });

  it('continues after the last change or bookmark', async () => {
    const watches = [
      watch([{ type: 'ADDED', object: configMap('a', '7') }], 'end'),
      watch([{ type: 'BOOKMARK', object: { metadata: { resourceVersion: '20' } } }], 'end'),
      watch([]),
    ];
    const following = await follow({ lists: [json(list([], '5'))], watches });
    const positions = (): (string | null)[] =>
      following.api.requests.filter((q) => q.has('watch')).map((q) => q.get('resourceVersion'));
    await eventuallyTrue('the third watch is open', () => positions().length === 3);
    expect(positions()).toEqual(['5', '7', '20']);
    expect(
      following.api.requests.filter((q) => q.has('watch')).map((q) => q.get('allowWatchBookmarks')),
    ).toEqual(['true', 'true', 'true']);
  });

  it('ignores events that it has already seen, and does not move back to their version', async () => {
    const again = [
      { type: 'MODIFIED', object: configMap('a', '6') },
      { type: 'ADDED', object: configMap('a', '8') },
      { type: 'DELETED', object: configMap('a', '7', 'an-earlier-a') },
    ];
    const watches = [watch(again, 'end'), watch([{ type: 'MODIFIED', object: configMap('a', '9') }])];
    const following = await follow({ lists: [json(list([configMap('a', '8')], '8'))], watches });
    await eventuallyTrue('the change arrives', () => following.reported.includes('updated a'));
    expect(following.reported).toEqual(['added a', 'synced', 'updated a']);
    expect(following.api.requests.at(-1)?.get('resourceVersion')).toBe('8');
  });

  it('waits between watches that end at once', async () => {
    const following = await follow({ lists: [json(list([], '5'))], watches: [watch([], 'end')] });
    await eventuallyTrue('it has tried five times', () => ended(following).length >= 5);
    const retries = following.events.filter((event) => event.type === 'retry');
    expect(retries.length).toBeGreaterThanOrEqual(4);
  });

  it('survives an observer and a projection that throw', async () => {
    const api = await scriptedApi({ lists: [json(list([configMap('a', '1')], '5'))], watches: [watch([])] });
    const logger = recordingLogger();
    const fail = (): never => {
      throw new Error('on purpose');
    };
    const reflector = startReflector<ConfigMap>({
      client: api.client,
      resource: CONFIG_MAPS,
      clock: systemClock,
      random: Math.random,
      logger,
      observe: fail,
      project: fail,
    });
    cleanups.push(
      () => api.close(),
      () => reflector.stop(),
    );
    await eventuallyTrue('it watches', () => api.requests.some((q) => q.has('watch')));
    expect([...reflector.cache.list()]).toHaveLength(1);
    expect(logger.lines.map((line) => line.level)).toContain('error');
  });

  it('waits as long as the server requests', async () => {
    const busy: Answer = (response) => {
      response.writeHead(429, { 'retry-after': '1' });
      response.end();
    };
    const following = await follow({ lists: [busy, json(list([], '5'))], watches: [watch([])] });
    await following.reflector.synced;
    expect(following.events[0]).toEqual({ type: 'retry', reason: 'API_TOO_MANY_REQUESTS', after: 1000 });
  });
});
