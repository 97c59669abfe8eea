import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { referencePages } from './pages.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIRECTORY = join(ROOT, 'docs', 'reference');

mkdirSync(DIRECTORY, { recursive: true });
for (const [name, text] of await referencePages(ROOT)) {
  writeFileSync(join(DIRECTORY, name), text);
  stderr.write(`docs/reference/${name}\n`);
}
