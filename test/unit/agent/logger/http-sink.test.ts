import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHttpSink } from '../../../../src/agent/logger/http-sink.ts';
import type { LogRecord } from '../../../../src/agent/logger/record.ts';
import { DEFAULT_CERTIFICATE_POLICY } from '../../../../src/certificates/certificate.decide.ts';
import { certificateMaker, makeIssue } from '../../../../src/certificates/make-certificate.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';

const RECORD: LogRecord = {
  ...{ id: '1', kind: 'request', contentType: 'application/json', metadata: new Map() },
  ...{ body: Buffer.from('{}'), cutFrom: undefined, time: systemClock.now() },
};
const ORIGIN = {
  ...{ sourceUri: 'http://localhost:9081/', inferenceService: 'sk', namespace: 'ns', endpoint: 'predictor' },
  ...{ component: 'predictor', logUrl: 'https://localhost', certName: 'service-ca.crt' },
  ...{ tlsSkipVerify: false, annotations: new Map<string, string>() },
};

const NEVER = new AbortController().signal;

describe('a sink with TLS', () => {
  let authority: string;
  let server: Server;
  let directory: string;
  let key: string;
  let certificate: string;
  let events: number;

  beforeAll(async () => {
    const made = await makeIssue(certificateMaker(systemClock, DEFAULT_CERTIFICATE_POLICY), ['localhost']);
    ({ key, pem: certificate } = made.issue.leaf);
    authority = made.authority.pem;
  });
  beforeEach(async () => {
    events = 0;
    directory = await mkdtemp(join(tmpdir(), 'log-ca-'));
    server = createServer({ key, cert: certificate }, (incoming, outgoing) => {
      incoming.resume().on('end', () => {
        events += 1;
        outgoing.end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  });

  function sinkWith(skipVerify: boolean): ReturnType<typeof createHttpSink> {
    const url = `https://localhost:${(server.address() as AddressInfo).port}/`;
    const sink = { kind: 'http', url, caFile: 'service-ca.crt', skipVerify } as const;
    return createHttpSink({ sink, origin: ORIGIN, clock: systemClock, caDirectory: directory, cut: NEVER });
  }

  async function send(sink: ReturnType<typeof createHttpSink>): Promise<string> {
    const { kind } = await sink.send(RECORD);
    return kind;
  }

  it('receives events when the CA file contains its authority', async () => {
    await writeFile(join(directory, 'service-ca.crt'), authority);
    const sink = sinkWith(false);
    expect(await send(sink)).toBe('sent');
    sink.close();
    expect(events).toBe(1);
  });

  it('receives none while it is not trusted, and the first one after the CA file contains its authority', async () => {
    const sink = sinkWith(false);
    expect(await send(sink)).toBe('later');
    await writeFile(join(directory, 'service-ca.crt'), authority);
    // The failure makes the sink read the file again.
    expect(await send(sink)).toBe('later');
    expect(await send(sink)).toBe('sent');
    sink.close();
    expect(events).toBe(1);
  });

  it('receives events without trust when verification is skipped', async () => {
    const sink = sinkWith(true);
    expect(await send(sink)).toBe('sent');
    sink.close();
  });
});
