/** `npm run bench:readme`: writes the figures of bench/results/latest.json into the README. */
import { readFile, writeFile } from 'node:fs/promises';
import { decodeResults } from './report/results.ts';
import { withSection } from './report/readme.ts';

const README = new URL('../README.md', import.meta.url);
const results = decodeResults(await readFile(new URL('results/latest.json', import.meta.url), 'utf8'));
await writeFile(README, withSection(await readFile(README, 'utf8'), results));
