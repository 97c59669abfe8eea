import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { painter } from '../../../src/cli/output.ts';
import { table } from '../../../src/cli/table.ts';

const GREEN_OK = '\u001b[32mok\u001b[39m';

describe('a table', () => {
  it('aligns its columns, with and without colours', () => {
    expect(
      table(
        ['NAME', 'READY', 'AGE'],
        [
          ['a', GREEN_OK, '1s'],
          ['longer', 'no', '2s'],
        ],
      ),
    ).toBe(`NAME     READY   AGE\na        ${GREEN_OK}      1s\nlonger   no      2s\n`);
  });

  it.each([
    ['line breaks', 'a\r\nREADY', 'a READY'],
    ['terminal escapes', 'a\u001b[2Jb\u001b]0;title\u0007', 'a [2Jb ]0;title '],
  ])('shows a space instead of %s', (_what, cell, shown) => {
    expect(table(['X'], [[cell]])).toBe(`X\n${shown.trimEnd()}\n`);
  });
});

describe('colours', () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  it.each([
    ['on a terminal', terminal, {}, GREEN_OK],
    ['on a terminal where NO_COLOR is set', terminal, { NO_COLOR: '1' }, 'ok'],
    ['on a terminal where NO_COLOR is empty', terminal, { NO_COLOR: '' }, GREEN_OK],
    ['on a terminal without colours', terminal, { TERM: 'dumb' }, 'ok'],
    ['in a pipe', new PassThrough(), {}, 'ok'],
  ])('%s', (_where, stream, environment, expected) => {
    expect(painter(stream, environment)('green', 'ok')).toBe(expected);
  });
});
