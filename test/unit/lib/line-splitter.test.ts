import { describe, expect, it } from '@jest/globals';
import { createLineSplitter } from '../../../src/lib/line-splitter.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** All lines that the splitter returns for these chunks. */
function split(chunks: readonly Uint8Array[]): { lines: string[]; rest: string } {
  const splitter = createLineSplitter();
  const lines = chunks.flatMap((chunk) => splitter.push(chunk));
  return { lines, rest: splitter.rest() };
}

describe('the line splitter', () => {
  it.each([
    ['a line in one chunk', ['a\n'], ['a'], ''],
    ['several lines in one chunk', ['a\nb\nc\n'], ['a', 'b', 'c'], ''],
    ['a line over three chunks', ['a', 'b', 'c\n'], ['abc'], ''],
    ['a separate line end', ['a', '\n', 'b\n'], ['a', 'b'], ''],
    ['carriage returns', ['a\r\nb\r\n'], ['a', 'b'], ''],
    ['empty lines', ['\n\na\n\n'], ['a'], ''],
    ['an unfinished line', ['a\nb'], ['a'], 'b'],
    ['nothing', [], [], ''],
  ])('splits %s', (_what, chunks, lines, rest) => {
    expect(split(chunks.map(bytes))).toEqual({ lines, rest });
  });

  it('returns the same lines wherever the bytes are split', () => {
    const text = '{"name":"größe-模型-🚀"}\n{"b":2}\n';
    const all = bytes(text);
    for (let first = 0; first <= all.length; first += 1) {
      for (let second = first; second <= all.length; second += 1) {
        const chunks = [all.subarray(0, first), all.subarray(first, second), all.subarray(second)];
        expect(split(chunks).lines).toEqual(['{"name":"größe-模型-🚀"}', '{"b":2}']);
      }
    }
  });

  it('handles an object of 20 MB in small chunks', () => {
    const line = 'x'.repeat(20_000_000);
    const splitter = createLineSplitter();
    const all = bytes(`${line}\n`);
    const lines: string[] = [];
    for (let at = 0; at < all.length; at += 4096) lines.push(...splitter.push(all.subarray(at, at + 4096)));
    expect(lines.map((each) => each.length)).toEqual([line.length]);
  });
});
