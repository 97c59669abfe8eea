/**
 * Runs on a real node: writes the times of first predictions into a file, as JSON. Arguments: how many models alone, how
 * many in a row, file.
 */
import { writeFile } from 'node:fs/promises';
import { firstPredictions } from '../../test/e2e/support/first-predictions.ts';

const [alone = '', inARow = '', output = ''] = process.argv.slice(2);
const took = await firstPredictions('mms-bench', { alone: Number(alone), inARow: Number(inARow) });
await writeFile(output, JSON.stringify(took));
