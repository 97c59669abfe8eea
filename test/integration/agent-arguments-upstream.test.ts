import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { recordAgents, type RecordedAgents } from '../support/agent-argument-recording.ts';
import { startLoggedComponent } from '../support/log-requests.ts';
import { startLogSink } from '../support/log-sink.ts';
import { startOwnAgent } from '../support/own-agent.ts';
import { eventually } from '../support/eventually.ts';

/**
 * How KServe v0.20.0 calls its agent; v0.17.0 does the same. RECORD_KSERVE=1 records it again from KServe's manager
 * and webhook, which takes a minute.
 */
const FILE = new URL('agent-arguments.json', import.meta.url);

const recorded = await (async (): Promise<RecordedAgents> => {
  if (process.env['RECORD_KSERVE'] === '1' || !existsSync(FILE))
    writeFileSync(FILE, `${JSON.stringify(await recordAgents(), undefined, 2)}\n`);
  return JSON.parse(readFileSync(FILE, 'utf8')) as RecordedAgents;
})();

const singleModel = Object.entries(recorded).filter(([name]) => !name.startsWith('mms-'));

describe("called as KServe's webhook calls the agent of a predictor that is not multi-model", () => {
  it.each(singleModel)('%s: starts, requests pass, events arrive', async (name, { agent: { args = [] } }) => {
    const sink = await startLogSink();
    const component = await startLoggedComponent();
    // The sink of this test replaces that of the cluster. The ports are free ones, because a test has no network
    // namespace of its own.
    const withSink = args.map((arg, index) =>
      args[index - 1] === '--log-url' && arg.startsWith('http:') ? sink.url : arg,
    );
    const at = withSink.indexOf('--component-port');
    expect(at).toBe(withSink.length - 2);
    const agent = await startOwnAgent(component.port, withSink.slice(0, at), { awsAnonymousCredential: '1' });
    try {
      const body = '{"instances":[1]}';
      const url = `http://127.0.0.1:${agent.port}/v1/models/m${args.includes('--enable-batcher') ? '' : ':predict'}`;
      const answer = await fetch(url, { method: 'POST', body });
      expect(await answer.text()).toBe(body);
      const kinds = { all: 2, request: 1, response: 1 }[args[args.indexOf('--log-mode') + 1] ?? ''];
      const expected = withSink.includes(sink.url) ? kinds : 0;
      await eventually(() => {
        expect(sink.events).toHaveLength(expected ?? 0);
        return Promise.resolve();
      });
      for (const { headers } of sink.events) expect(headers['ce-inferenceservicename']).toBe(name);
    } finally {
      await agent.stop();
      component.close();
      sink.close();
    }
  });
});
