import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Proxy } from '../../src/agent/proxy/proxy-server.ts';
import { startProxy } from '../../src/agent/proxy/proxy-server.ts';
import type { KServeAgent } from '../support/kserve-agent.ts';
import { startKServeAgent } from '../support/kserve-agent.ts';
import { comparable, exchangeBytes, LAST } from '../support/proxy-exchange.ts';
import { PROXY_INPUTS } from '../support/proxy-inputs.ts';
import type { RecordingComponent } from '../support/recording-component.ts';
import { startRecordingComponent } from '../support/recording-component.ts';

/** Longer than KServe's agent waits for a component to ask for a body. */
const SILENCE_MS = 3_000;

describe("beside KServe's agent", () => {
  let components: { theirs: RecordingComponent; ours: RecordingComponent };
  let theirs: KServeAgent;
  let ours: Proxy;

  beforeAll(async () => {
    components = { theirs: await startRecordingComponent(), ours: await startRecordingComponent() };
    theirs = await startKServeAgent(components.theirs.port);
    ours = await startProxy({
      ...{ port: 0, address: '127.0.0.1', componentPort: components.ours.port },
      notReady: () => Promise.resolve(undefined),
      observe: () => undefined,
      stopwatch: () => performance.now(),
    });
  });
  afterAll(async () => {
    await ours.close(AbortSignal.abort());
    await theirs.stop();
    components.theirs.close();
    components.ours.close();
  });

  /** What a component got for these bytes and the last request, and what the client got. */
  async function passedOn(port: number, component: RecordingComponent, sent: string) {
    const { statuses, isClosed } = await exchangeBytes(port, sent + LAST, SILENCE_MS);
    return {
      requests: component.take().map((request) => comparable(request, component.port)),
      statuses,
      isClosed,
    };
  }

  it.each(PROXY_INPUTS)('$name: ${differs}', async ({ sent, differs }) => {
    const [kserve, mms] = await Promise.all([
      passedOn(theirs.port, components.theirs, sent),
      passedOn(ours.port, components.ours, sent),
    ]);
    // Whatever it is, it has an end, and each request that was passed on its answer.
    expect([mms.isClosed, mms.statuses.length]).toEqual([true, expect.any(Number)]);
    const passed = ({ requests }: typeof mms) =>
      requests.filter((request) => !request.startsWith('GET /last'));
    switch (differs) {
      case 'refused here':
        expect(passed(kserve).length).toBeGreaterThan(passed(mms).length);
        expect(mms.requests).toEqual([]);
        expect(mms.statuses.at(-1)).toBeGreaterThanOrEqual(400);
        break;
      case 'passed here':
        expect(kserve.requests).toEqual([]);
        expect(mms.requests).toHaveLength(2);
        break;
      case 'passed otherwise':
        expect(mms.requests).not.toEqual(kserve.requests);
        expect(mms.statuses).toEqual([200, 200]);
        break;
      case undefined:
        expect(passed(mms)).toEqual(passed(kserve));
        if (passed(kserve).length > 0) expect(mms.statuses).toEqual(kserve.statuses);
        else expect(mms.statuses[0] === 200).toBe(kserve.statuses[0] === 200);
    }
  });
});
