import { fileURLToPath } from 'node:url';
import { packageFile } from '../../lib/package-files.ts';
import { runProgram } from '../controlplane/run-program.ts';

const TRAIN = fileURLToPath(packageFile('tools/demo/train_models.py'));

/** One row of each data set, and the class it belongs to. */
export const ROWS = new Map<string, { readonly row: readonly number[]; readonly label: number }>([
  ['iris', { row: [5.1, 3.5, 1.4, 0.2], label: 0 }],
  ['wine', { row: [14.23, 1.71, 2.43, 15.6, 127, 2.8, 3.06, 0.28, 2.29, 5.64, 1.04, 3.92, 1065], label: 0 }],
  [
    'cancer',
    {
      row: [
        ...[13.54, 14.36, 87.46, 566.3, 0.09779, 0.08129, 0.06664, 0.04781, 0.1885, 0.05766],
        ...[0.2699, 0.7886, 2.058, 23.56, 0.008462, 0.0146, 0.02387, 0.01315, 0.0198, 0.0023],
        ...[15.11, 19.26, 99.7, 711.2, 0.144, 0.1773, 0.239, 0.1288, 0.2977, 0.07259],
      ],
      label: 1,
    },
  ],
]);

/** Trains them into a directory that must not be there yet: `<model>/model.joblib`. */
export async function trainModels(
  directory: string,
  { python, environment }: { readonly python: string; readonly environment: NodeJS.ProcessEnv },
): Promise<void> {
  await runProgram({ command: python, args: [TRAIN, directory], environment });
}
