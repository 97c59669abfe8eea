import { describe, expect, it } from '@jest/globals';
import process from 'node:process';
import { paste, shellOf } from '../support/page.ts';

describe('the command of the README that shows it all', () => {
  it('plays to its end, with models that predict', async () => {
    const output = await paste(await shellOf('README.md', 'See it work'), { env: process.env });
    expect(output).toContain('All of it held.');
    // Ten times and more what it takes; where MLServer has to be installed first, that is done before the tests.
  }, 600_000);
});
