/** Runs on a real node: writes the milliseconds of each first prediction into a file, as JSON. Arguments: models, file. */
import { writeFile } from 'node:fs/promises';
import { firstPredictions } from '../../test/e2e/support/first-predictions.ts';

const [models = '', output = ''] = process.argv.slice(2);
await writeFile(output, JSON.stringify(await firstPredictions('mms-bench', Number(models))));
