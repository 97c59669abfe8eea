import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** How a person calls this program: by its name where the PATH has it, else as it lies in the repository. */
export function commandName({ PATH = '' }: NodeJS.ProcessEnv): string {
  const found = PATH.split(delimiter).some(
    (directory) => directory !== '' && existsSync(join(directory, 'mms')),
  );
  return found ? 'mms' : './bin/mms.js';
}
