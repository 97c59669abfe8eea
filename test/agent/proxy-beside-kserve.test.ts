import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { comparable, exchangeBytes, LAST } from '../support/proxy-exchange.ts';
import { PROXY_INPUTS } from '../support/proxy-inputs.ts';
import type { ProxyPair } from '../support/proxy-pair.ts';
import { startProxyPair } from '../support/proxy-pair.ts';
import type { RecordingComponent } from '../support/recording-component.ts';

/** Longer than KServe's agent waits for a component to ask for a body. */
const SILENCE_MS = 3_000;

describe("beside KServe's agent", () => {
  let pair: ProxyPair;
  let theirs: ProxyPair['theirs'];
  let ours: ProxyPair['ours'];
  let components: ProxyPair['components'];

  beforeAll(async () => {
    pair = await startProxyPair();
    ({ theirs, ours, components } = pair);
  });
  afterAll(() => pair.stop());

  /** What a component got for these bytes and the last request, and what the client got. */
  async function passedOn(port: number, component: RecordingComponent, sent: string) {
    const { statuses, isClosed } = await exchangeBytes(port, sent + LAST, SILENCE_MS);
    return {
      requests: component.take().map((request) => comparable(request, component.port)),
      statuses,
      isClosed,
    };
  }

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
    const head = (headers: string, body = '') => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`;
    const CHUNKS = '3\r\nabc\r\n0\r\n\r\n';

    /** What a client reads: status, headers that mean something to it, and body; or that it is no answer. */
    async function read(port: number, method: string): Promise<unknown> {
      const call = request({ port, host: '127.0.0.1', method, maxHeaderSize: 2 ** 21, agent: false });
      call.end();
      try {
        const [answer] = (await once(call, 'response')) as [IncomingMessage];
        const body = await text(answer);
        if (answer.statusCode === 502) return 'refused';
        const { headers, statusCode, trailers } = answer;
        // The type too, which KServe's agent guesses where the component says none.
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
        return 'refused';
      }
    }

    it.each([
      ['a length', head('Content-Length: 3', 'abc')],
      ['chunks', head('Transfer-Encoding: chunked', CHUNKS)],
      ['a length and chunks', head('Content-Length: 3\r\nTransfer-Encoding: chunked', CHUNKS)],
      ['chunks and a length', head('Transfer-Encoding: chunked\r\nContent-Length: 13', CHUNKS)],
      ['a length that lies and chunks', head('Content-Length: 1\r\nTransfer-Encoding: chunked', CHUNKS)],
      ['neither', head('Connection: close', 'abc'), true],
      ['neither, in HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nabc', true],
      ['the coding gzip, chunked', head('Transfer-Encoding: gzip, chunked', CHUNKS)],
      ['the coding gzip', head('Transfer-Encoding: gzip', 'abc'), true],
      ['the coding identity', head('Transfer-Encoding: identity\r\nContent-Length: 3', 'abc')],
      ['two codings', head('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', CHUNKS)],
      ['two lengths that differ', head('Content-Length: 3\r\nContent-Length: 4', 'abcd')],
      ['a length that is none', head('Content-Length: x', 'abc')],
      ['lines that end with LF', 'HTTP/1.1 200 OK\nContent-Length: 3\n\nabc'],
      ['a folded line', head('A: b\r\n c\r\nContent-Length: 3', 'abc')],
      ['a byte above 127', head('A: \xe9\r\nContent-Length: 3', 'abc')],
      ['a control character in a value', head('A: \u0001\r\nContent-Length: 3', 'abc')],
      ['no reason', 'HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc'],
      ['a head of 100 kB', head(`A: ${'a'.repeat(100_000)}\r\nContent-Length: 3`, 'abc')],
      ['a head of 900 kB', head(`A: ${'a'.repeat(900_000)}\r\nContent-Length: 3`, 'abc')],
      ['2,500 headers', head(`${'A: b\r\n'.repeat(2_500)}Content-Length: 3`, 'abc')],
      ['more than its length, on a connection that is kept', head('Content-Length: 3', 'abcdef')],
      ['trailers', head('Transfer-Encoding: chunked\r\nTrailer: X', '3\r\nabc\r\n0\r\nX: y\r\n\r\n')],
      ['a cut body', head('Content-Length: 30', 'abc'), true],
      ['a cut chunk', head('Transfer-Encoding: chunked', '30\r\nabc'), true],
      ['more than its length', head('Content-Length: 3\r\nConnection: close', 'abcdef'), true],
      ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n'],
      ['100 before it', `HTTP/1.1 100 Continue\r\n\r\n${head('Content-Length: 3', 'abc')}`],
      ['103 before it', `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${head('Content-Length: 3', 'abc')}`],
      [
        'headers of its connection',
        head('Keep-Alive: timeout=9\r\nConnection: A\r\nA: b\r\nContent-Length: 3', 'abc'),
      ],
      ['no HTTP', 'hello\r\n\r\n', true],
      ['nothing', '', true],
    ] as const)('are read the same: %s', async (_, bytes, closes: boolean = false) => {
      components.theirs.answer = { bytes, closes };
      components.ours.answer = { bytes, closes };
      const [kserve, mms] = await Promise.all([read(theirs.port, 'GET'), read(ours.port, 'GET')]);
      expect(mms).toEqual(kserve);
    });
  });
});
