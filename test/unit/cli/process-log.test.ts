import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { processLog } from '../../../src/cli/process-log.ts';

/** The output of a manager for two events, one of them below the log level. */
async function written(terminal: boolean, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const stdout = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: terminal });
  const log = await processLog({ component: 'manager', level: 'info', stdout, environment });
  log.debug({}, 'not asked for');
  log.child({ namespace: 'team-a' }).warn({ model: 'iris', code: 'DiskFull' }, 'the download failed');
  const [text] = (await stdout.take(1).toArray()) as string[];
  return text ?? '';
}

describe('the log of manager and agent', () => {
  it('has a JSON object on each line, with the level as a word and the time in RFC 3339', async () => {
    const line = JSON.parse(await written(false)) as Record<string, unknown>;
    expect(line).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      component: 'manager',
      namespace: 'team-a',
      model: 'iris',
      code: 'DiskFull',
      msg: 'the download failed',
    });
  });

  it.each([
    ['without NO_COLOR in colours', {}, true],
    ['with NO_COLOR in plain text', { NO_COLOR: '1' }, false],
    ['with an empty NO_COLOR in colours', { NO_COLOR: '' }, true],
    ['in a dumb terminal in plain text', { TERM: 'dumb' }, false],
  ])('is readable in a terminal: %s', async (_case, environment, coloured) => {
    const text = await written(true, environment);
    expect(text).toMatch(/\[\d\d:\d\d:\d\d\].*WARN.*the download failed.*DiskFull/s);
    expect(text.includes('\u001b[')).toBe(coloured);
  });
});
