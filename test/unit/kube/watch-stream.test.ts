import { describe, expect, it } from '@jest/globals';
import { seconds } from '../../../src/lib/clock.ts';
import type { ConfigMap } from '../../../src/contract/kubernetes.ts';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import { openWatch, type WatchEvent } from '../../../src/kube/watch-stream.ts';
import { fakeClock, settle } from '../../support/clocks.ts';

/** A client whose watch sends these chunks and ends, for data that no healthy API server sends. */
function sending(...chunks: string[]): ApiClient {
  const watch = (): Promise<AsyncIterable<Uint8Array>> =>
    Promise.resolve(
      (async function* () {
        await Promise.resolve();
        for (const chunk of chunks) yield new TextEncoder().encode(chunk);
      })(),
    );
  return { watch } as Partial<ApiClient> as ApiClient;
}

async function collect(client: ApiClient): Promise<WatchEvent<ConfigMap>[]> {
  const query = { resourceVersion: '1', timeoutSeconds: 300 };
  const clock = fakeClock();
  const options = { client, clock, idleLimit: seconds(60), signal: new AbortController().signal };
  const events: WatchEvent<ConfigMap>[] = [];
  for await (const event of openWatch(CONFIG_MAPS, query, options)) events.push(event);
  await settle();
  expect(clock.sleeping).toBe(0);
  return events;
}

const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
const configMap = { metadata: { name: 'a', namespace: 'ns', resourceVersion: '2' } };

describe('a watch stream', () => {
  it.each([
    ['a change', line('ADDED', configMap), { kind: 'change', type: 'ADDED', object: configMap }],
    ['a deletion', line('DELETED', configMap), { kind: 'change', type: 'DELETED', object: configMap }],
    [
      'a bookmark',
      line('BOOKMARK', { metadata: { resourceVersion: '9' } }),
      { kind: 'bookmark', resourceVersion: '9' },
    ],
    [
      'an expired version',
      line('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }),
      { kind: 'error', error: expect.objectContaining({ code: 'API_GONE' }) },
    ],
    [
      'a server error',
      line('ERROR', { kind: 'Status', code: 500, message: 'etcd is gone' }),
      { kind: 'error', error: expect.objectContaining({ code: 'API_SERVER_ERROR' }) },
    ],
    ['a line that is not JSON', '<html>\n', { kind: 'malformed', detail: 'not JSON: "<html>"' }],
    ['an unknown type', line('WHATEVER', configMap), { kind: 'malformed', detail: expect.any(String) }],
    [
      'an object without a version',
      line('ADDED', { metadata: { name: 'a' } }),
      { kind: 'malformed', detail: expect.any(String) },
    ],
    [
      'an object without a name',
      line('ADDED', { metadata: { resourceVersion: '1' } }),
      { kind: 'malformed', detail: expect.any(String) },
    ],
    ['an event without an object', '{"type":"ADDED"}\n', { kind: 'malformed', detail: expect.any(String) }],
    ['null', 'null\n', { kind: 'malformed', detail: expect.any(String) }],
    ['a truncated line', '{"type":"ADD', { kind: 'malformed', detail: expect.any(String) }],
  ])('reads %s', async (_what, text, expected) => {
    expect(await collect(sending(text))).toEqual([expected]);
  });

  it('reads events split at any byte', async () => {
    const all = line('ADDED', configMap) + line('MODIFIED', configMap);
    const events = await collect(sending(all.slice(0, 10), all.slice(10, 130), all.slice(130)));
    expect(events.map((event) => event.kind === 'change' && event.type)).toEqual(['ADDED', 'MODIFIED']);
  });

  it.each([
    ['an error', line('ERROR', { code: 500 })],
    ['a malformed line', 'x\n'],
  ])('ends after %s', async (_what, first) => {
    expect(await collect(sending(first + line('ADDED', configMap)))).toHaveLength(1);
  });
});
