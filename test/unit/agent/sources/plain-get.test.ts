import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { LookupFunction, Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { type RawServer, startRawServer } from '../../../support/raw-server.ts';
import { createHttpGetter, type HttpGetter } from '../../../../src/agent/sources/http-get.ts';

const never = new AbortController().signal;
const loopback: LookupFunction = (_, options, done) =>
  options.all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
const plain = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc';

describe('a GET over plain http', () => {
  let respond: (socket: Socket) => void;
  let raw: RawServer;
  let url: URL;
  let getter: HttpGetter;

  beforeEach(async () => {
    respond = (socket) => socket.write(plain);
    raw = await startRawServer((socket) => respond(socket));
    url = new URL(`http://store.test:${raw.port}/a%20file?v=1`);
    getter = createHttpGetter({ lookup: loopback, connectTimeoutMs: 5_000 });
  });
  afterEach(() => {
    getter.close();
    raw.stop();
  });

  it('is one write, and its connection serves the next', async () => {
    for (let round = 0; round < 2; round += 1)
      expect(await text((await getter.get(url, { accept: '*/*' }, never)).body)).toBe('abc');
    const lines = `host: ${url.host}\r\nconnection: keep-alive\r\naccept: */*\r\n\r\n`;
    expect(raw.requests[1]).toBe(`GET /a%20file?v=1 HTTP/1.1\r\n${lines}`);
    expect(raw.connections()).toBe(1);
  });

  it.each([
    ['chunks', chunked, 1],
    ['chunks after 100', `HTTP/1.1 100 Continue\r\n\r\n${chunked}`, 1],
    ['a length twice', plain.replace('\r\n', '\r\nContent-Length: 3\r\n'), 1],
    ['a connection that closes', plain.replace('\r\n', '\r\nConnection: close\r\n'), 2],
    ['HTTP/1.0', plain.replace('1.1', '1.0'), 2],
  ])('reads an answer with %s', async (_, bytes, opened) => {
    respond = (socket) => socket.write(bytes);
    for (let round = 0; round < 2; round += 1)
      expect(await text((await getter.get(url, {}, never)).body)).toBe('abc');
    expect([raw.requests.length, raw.connections()]).toEqual([2, opened]);
  });

  it('asks again for an answer that only a lenient parser reads', async () => {
    respond = (socket) => socket.end(plain.replaceAll('\r\n', '\n'));
    expect(await text((await getter.get(url, {}, never)).body)).toBe('abc');
    expect(raw.requests).toHaveLength(2);
  });

  it.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n', false],
    ['to the end of the connection', 'HTTP/1.1 200 OK\r\n\r\n', true],
  ])('reads a body of many packets: %s', async (_, head, ends) => {
    const body = randomBytes(300_000);
    respond = (socket) => {
      socket.write(head);
      socket.write(body);
      if (ends) socket.end();
    };
    const { body: read } = await getter.get(url, {}, never);
    expect((await buffer(read)).equals(body)).toBe(true);
  });

  it('takes the first of repeated headers that have one value, and joins others', async () => {
    const repeated = ['ETag: "1"', 'ETag: "2"', 'Vary: a', 'vary: b'].join('\r\n');
    respond = (socket) => socket.write(plain.replace('\r\n', `\r\n${repeated}\r\n`));
    const { status, headers, body } = await getter.get(url, {}, never);
    expect([status, headers.get('etag'), headers.get('vary')]).toEqual([200, '"1"', 'a, b']);
    expect(await text(body)).toBe('abc');
  });

  it('fails when the connection breaks within the body', async () => {
    respond = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
    const { body } = await getter.get(url, {}, never);
    await expect(text(body)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('that is aborted within the body closes the connection', async () => {
    respond = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
    const abort = new AbortController();
    const { body } = await getter.get(url, {}, abort.signal);
    const [socket] = raw.sockets;
    const closed = socket && once(socket, 'close');
    const read = text(body);
    abort.abort();
    await expect(read).rejects.toMatchObject({ name: 'AbortError' });
    await closed;
  });

  it('does not close the connection of a later one when its complete body is dropped', async () => {
    const { body } = await getter.get(url, {}, never);
    const later = getter.get(url, {}, never);
    body.destroy();
    expect(await text((await later).body)).toBe('abc');
    expect(raw.connections()).toBe(1);
  });

  it('with a header that says how it is sent is left to Node', async () => {
    expect(await text((await getter.get(url, { Host: 'other.test' }, never)).body)).toBe('abc');
    expect(raw.requests[0]?.match(/^host: .*$/gim)).toEqual(['Host: other.test']);
    await expect(getter.get(url, { accept: 'a\nb' }, never)).rejects.toMatchObject({
      code: 'ERR_INVALID_CHAR',
    });
  });
});
