import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ConfigMap } from '../../../src/contract/kubernetes.ts';
import { startReflector, type Reflector } from '../../../src/kube/reflector.ts';
import type { Delta } from '../../../src/kube/reflector-types.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { recordingLogger } from '../../support/logs.ts';
import { configMap, json, list, scriptedApi, type ScriptedApi } from '../../support/scripted-api.ts';

describe('the subscribers of a reflector', () => {
  let api: ScriptedApi;
  let reflector: Reflector<ConfigMap>;
  let watching: PromiseWithResolvers<ServerResponse>;

  beforeEach(async () => {
    watching = Promise.withResolvers();
    api = await scriptedApi({
      lists: [json(list([configMap('early', '1')], '5'))],
      watches: [
        (response) => {
          response.writeHead(200).flushHeaders();
          watching.resolve(response);
        },
      ],
    });
    const { client } = api;
    reflector = startReflector<ConfigMap>({
      ...{ client, resource: CONFIG_MAPS, clock: systemClock, random: () => 0, logger: recordingLogger() },
    });
  });
  afterEach(async () => {
    await reflector.stop();
    await api.close();
  });

  const said = (delta: Delta<ConfigMap>): string =>
    delta.type === 'synced' ? 'synced' : `${delta.type} ${delta.object.metadata.name}`;

  async function add(name: string): Promise<void> {
    const event = { type: 'ADDED', object: configMap(name, '9') };
    (await watching.promise).write(`${JSON.stringify(event)}\n`);
  }

  it('receive all cached objects when they subscribe late, and then the changes', async () => {
    await reflector.synced;
    const late: string[] = [];
    reflector.subscribe((delta) => late.push(said(delta)));
    expect(late).toEqual(['added early', 'synced']);
    await add('afterwards');
    await eventuallyTrue('the change arrives', () => late.length === 3);
    expect(late).toEqual(['added early', 'synced', 'added afterwards']);
  });

  it('are called in order of subscription, even if an earlier one throws', async () => {
    const calls: string[] = [];
    reflector.subscribe((delta) => {
      calls.push(`first ${said(delta)}`);
      throw new Error('thrown on purpose');
    });
    reflector.subscribe((delta) => calls.push(`second ${said(delta)}`));
    await reflector.synced;
    expect(calls).toEqual(['first added early', 'second added early', 'first synced', 'second synced']);
  });
});
