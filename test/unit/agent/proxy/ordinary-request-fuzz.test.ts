import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Duplex } from 'node:stream';
import { ordinaryRequest } from '../../../../src/agent/proxy/ordinary-request.decide.ts';
import { nearlyOrdinaryRequests, oddRequests } from '../../../support/proxy-fuzz.ts';

const RUNS = 10_000;

let server: Server;
let came: IncomingMessage[];
let faults: number;

beforeAll(() => {
  server = createServer({ requireHostHeader: false }, (incoming) => void came.push(incoming));
  server.on('checkContinue', (incoming) => void came.push(incoming));
  server.on('connect', (incoming) => void came.push(incoming));
  server.on('clientError', () => (faults += 1));
});
afterAll(() => void server.close());

/** How Node's parser reads the first request in these bytes. */
async function nodesReading(bytes: Buffer) {
  came = [];
  faults = 0;
  const connection = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  server.emit('connection', connection);
  connection.push(bytes);
  await new Promise((resolve) => setImmediate(resolve));
  const [first] = came;
  connection.destroy();
  return first && { method: first.method, target: first.url, headers: first.rawHeaders };
}

it("the fast path reads any accepted request like Node's parser", async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(oddRequests(), nearlyOrdinaryRequests()), async (text) => {
      const bytes = Buffer.from(text, 'latin1');
      const ours = ordinaryRequest(bytes);
      if (ours === undefined) return;
      taken += 1;
      const { bodyAt, length, ...read } = ours;
      const alone = bytes.subarray(0, bodyAt + length);
      expect({ text, read: await nodesReading(alone), faults, number: came.length }).toEqual({
        ...{ text, read, faults: 0, number: 1 },
      });
      // Node reads the same body.
      expect(came[0]!.complete || came[0]!.readableLength === length).toBe(bytes.length >= bodyAt + length);
    }),
    { seed: 1, numRuns: RUNS },
  );
  // At least some requests were compared.
  expect(taken).toBeGreaterThan(RUNS / 40);
});
