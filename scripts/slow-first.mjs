/** Has jest start the slow files first, also where it has no times of an earlier run: none is then left for the end, alone. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import Sequencer from '@jest/test-sequencer';
import { root } from './run.mjs';

export default class SlowFirst extends Sequencer {
  async sort(tests) {
    const { slow } = JSON.parse(readFileSync(join(root, 'test', 'tiers.json'), 'utf8'));
    const files = new Set(slow);
    const isSlow = ({ path }) => files.has(relative(join(root, 'test'), path));
    const sorted = await super.sort(tests);
    return [...sorted.filter(isSlow), ...sorted.filter((test) => !isSlow(test))];
  }
}
