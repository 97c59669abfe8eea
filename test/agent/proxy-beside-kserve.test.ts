import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { comparable, exchangeBytes, LAST } from '../support/proxy-exchange.ts';
import { PROXY_ANSWERS } from '../support/proxy-answers.ts';
import { PROXY_INPUTS } from '../support/proxy-inputs.ts';
import type { ProxyPair } from '../support/proxy-pair.ts';
import { startProxyPair } from '../support/proxy-pair.ts';
import type { RecordingComponent } from '../support/recording-component.ts';
import { KSERVE_AGENT_STARTS_WITHIN } from '../support/kserve-agent.ts';

jest.setTimeout(KSERVE_AGENT_STARTS_WITHIN);

/** Longer than KServe's agent waits for a component to request a body. */
const SILENCE_MS = 3_000;

describe("compared with KServe's agent", () => {
  let pair: ProxyPair;
  let theirs: ProxyPair['theirs'];
  let ours: ProxyPair['ours'];
  let components: ProxyPair['components'];

  beforeAll(async () => {
    pair = await startProxyPair();
    ({ theirs, ours, components } = pair);
  });
  afterAll(() => pair.stop());

  /** What a component received for these bytes and the last request, and what the client got. */
  async function passedOn(port: number, component: RecordingComponent, sent: string) {
    const { statuses, isClosed } = await exchangeBytes(port, sent + LAST, SILENCE_MS);
    return {
      requests: component.take().map((request) => comparable(request, component.port)),
      statuses,
      isClosed,
    };
  }

  it('every refusal of ours alone has a reason in docs, and every reason has a case', async () => {
    const page = await readFile(new URL('../../docs/agent-inside.md', import.meta.url), 'utf8');
    const [, section = ''] = page.split("\n## Beside KServe's agent\n");
    const [tables = ''] = section.split('\n## ');
    const rows = [...tables.matchAll(/^\| ([^|]+) \| [^|]+ \| [^|]{10,} \|$/gm)].map(([, what = '']) => what);
    const told = [...PROXY_INPUTS, ...PROXY_ANSWERS].flatMap(({ name, differs, told: text }) => {
      expect([name, differs === 'refused here']).toEqual([name, text !== undefined]);
      return text ?? [];
    });
    expect(rows.sort()).toEqual([...new Set(told)].sort());
  });

  it.each(PROXY_INPUTS.map((input) => [input.differs ?? 'the same', input.name, input] as const))(
    '%s: %s',
    async (_verdict, _name, { sent, differs }) => {
      const [kserve, mms] = await Promise.all([
        passedOn(theirs.port, components.theirs, sent),
        passedOn(ours.port, components.ours, sent),
      ]);
      expect(mms.isClosed).toBe(true);
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
    },
  );

  describe('answers of a component', () => {
    /** What a client reads: status, meaningful headers and body; or that the answer is invalid or never ends. */
    async function read(port: number, method: string): Promise<unknown> {
      const silence = AbortSignal.timeout(SILENCE_MS);
      const call = request({
        port,
        host: '127.0.0.1',
        method,
        maxHeaderSize: 2 ** 22,
        agent: false,
        signal: silence,
      });
      // No limit on the number of headers.
      call.maxHeadersCount = 0;
      call.on('error', () => undefined).end();
      try {
        const [answer] = (await once(call, 'response')) as [IncomingMessage];
        const body = await text(answer);
        if (answer.statusCode === 502) return 'refused';
        const { headers, statusCode, trailers } = answer;
        // This includes the type, which KServe's agent guesses when the component sets none.
        for (const name of [
          'content-type',
          'date',
          'connection',
          'keep-alive',
          'transfer-encoding',
          'content-length',
          'trailer',
        ])
          Reflect.deleteProperty(headers, name);
        return { statusCode, headers, body, trailers };
      } catch {
        return silence.aborted ? 'no end' : 'refused';
      }
    }

    it.each(PROXY_ANSWERS.map((answer) => [answer.differs ?? 'the same', answer.name, answer] as const))(
      '%s: %s',
      async (_verdict, _name, { bytes, closes = false, differs }) => {
        components.theirs.answer = { bytes, closes };
        components.ours.answer = { bytes, closes };
        const [kserve, mms] = await Promise.all([read(theirs.port, 'GET'), read(ours.port, 'GET')]);
        switch (differs) {
          case 'refused here':
            expect(kserve).toMatchObject({ statusCode: 200 });
            expect(mms).toBe('refused');
            break;
          case 'passed here':
            expect(['refused', 'no end']).toContain(kserve);
            expect(mms).toMatchObject({ statusCode: 200 });
            break;
          case 'passed otherwise':
            expect([kserve, mms]).toMatchObject([{ statusCode: 200 }, { statusCode: 200 }]);
            expect(mms).not.toEqual(kserve);
            break;
          case 'waits here':
            expect([kserve, mms]).toEqual(['refused', 'no end']);
            break;
          case undefined:
            // With wrong framing, either agent may wait for the rest.
            if (kserve === 'no end') expect(['refused', 'no end']).toContain(mms);
            else expect(mms).toEqual(kserve);
        }
      },
    );
  });
});
