import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { createMarshal } from '../../../../src/agent/logger/marshal.ts';
import type { LogRecord } from '../../../../src/agent/logger/record.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';

const RECORD: LogRecord = {
  ...{ id: 'one', kind: 'request', contentType: 'application/json', metadata: new Map() },
  ...{ body: Buffer.from('{"instances":[1]}'), cutFrom: undefined, time: systemClock.now() },
};
const ORIGIN = {
  ...{ sourceUri: 'http://localhost:9081/', inferenceService: 'sk', namespace: 'ns', endpoint: 'predictor' },
  ...{ component: 'predictor', logUrl: 's3://logs', certName: '' },
  ...{ tlsSkipVerify: false, annotations: new Map<string, string>() },
};

describe('an external marshaller', () => {
  let server: Server;
  let asked: unknown;
  let respond: (outgoing: ServerResponse) => void;

  beforeEach(async () => {
    server = createServer((incoming: IncomingMessage, outgoing) => {
      void json(incoming).then((body) => {
        asked = body;
        respond(outgoing);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  function marshalled(): ReturnType<ReturnType<typeof createMarshal>> {
    const marshaller = `http://127.0.0.1:${(server.address() as AddressInfo).port}/marshal`;
    const marshal = createMarshal({ format: 'json', marshaller }, ORIGIN);
    return marshal([RECORD], new AbortController().signal);
  }

  it('receives the records as JSON, and returns the object and its extension', async () => {
    respond = (outgoing) => outgoing.setHeader('X-Log-Marshal-Extension', 'avro').end('bytes');
    expect(await marshalled()).toEqual({ data: Buffer.from('bytes'), extension: 'avro' });
    expect(asked).toEqual([expect.objectContaining({ id: 'one', namespace: 'ns' })]);
  });

  it.each([
    ['no extension', undefined],
    ['an extension with a path traversal', '../../x'],
  ])('uses .json for %s', async (_what, extension) => {
    respond = (outgoing) => {
      if (extension !== undefined) outgoing.setHeader('X-Log-Marshal-Extension', extension);
      outgoing.end('bytes');
    };
    expect(await marshalled()).toMatchObject({ extension: 'json' });
  });

  it.each([
    [500, true],
    [400, false],
  ])('fails with status %d, retryable: %s', async (status, retryable) => {
    respond = (outgoing) => outgoing.writeHead(status).end();
    await expect(marshalled()).rejects.toMatchObject({ code: 'LOG_MARSHALLER_FAILED', retryable });
  });
});
