import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { pullOnce, texts } from '../../../support/pulling.ts';

describe('a response with an ambiguous length', () => {
  const chunked = '5\r\nabcde\r\n0\r\n\r\n';
  it.each([
    ['Content-Length: 3\r\nTransfer-Encoding: chunked', 'abcde'],
    ['Transfer-Encoding: Chunked\r\nContent-Length: 3', 'abcde'],
    ['Transfer-Encoding: gzip, chunked\r\nContent-Length: 3', undefined],
    ['Transfer-Encoding: chunked, chunked\r\nContent-Length: 3', undefined],
    ['Transfer-Encoding: identity\r\nContent-Length: 3', undefined],
    ['Content-Length: 3\r\nContent-Length: 5', undefined],
    ['Content-Length: 3\r\nContent-Length: 3', '5\r\n'],
    ['Content-Length : 3', '5\r\n'],
    ['Transfer-Encoding : chunked\r\nContent-Length: 3\r\nContent-Length: 3', 'abcde'],
    ['A b: c\r\nTransfer-Encoding: chunked', 'abcde'],
    ['Transfer-Encoding: gzip, chunked', undefined],
    ['Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', undefined],
    ['A: b\nTransfer-Encoding: chunked', 'abcde'],
    ['A: \u0001\r\nTransfer-Encoding: chunked', 'abcde'],
    ['A: b\r\n c\r\nTransfer-Encoding: chunked', 'abcde'],
    [`Content-Security-Policy: ${'a'.repeat(100_000)}\r\nTransfer-Encoding: chunked`, 'abcde'],
  ])('%j: %s', async (head, expected) => {
    const raw = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${chunked}`));
    }).listen(0, '127.0.0.1');
    await once(raw, 'listening');
    const address = raw.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const pulled = await pullOnce(`http://127.0.0.1:${port}/model.bin`);
    raw.close();
    expect(texts(pulled)['model.bin']).toBe(expected);
  });
});
