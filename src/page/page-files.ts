import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { MmsError } from '../lib/errors.ts';
import { packageFile } from '../lib/package-files.ts';

/** Built from src/page/browser. */
const DIRECTORY = packageFile('dist/page/browser/');

/** By their URL path. */
const FILES = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
  { path: '/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { path: '/icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
] as const;

/** The body of an answer. */
export interface PageBody {
  readonly type: string;
  readonly content: Buffer;
  readonly etag: string;
}

/** The page's files are missing: the program was copied without them, or not built. */
class PageMissingError extends MmsError {
  readonly code = 'PAGE_MISSING';
  readonly retryable = false;
}

/** With the ETag that a browser sends to ask whether it changed. */
export function pageBody(type: string, content: Buffer): PageBody {
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 22);
  return { type, content, etag: `"${hash}"` };
}

/** Reads the page's few files once. @throws {PageMissingError} */
export async function readPageFiles(directory = DIRECTORY): Promise<ReadonlyMap<string, PageBody>> {
  const read = FILES.map(async ({ path, file, type }): Promise<[string, PageBody]> => {
    try {
      return [path, pageBody(type, await readFile(new URL(file, directory)))];
    } catch (thrown) {
      const message = `the page cannot be served: ${file} is missing from the program; run npm run build, or leave --page-port out`;
      throw new PageMissingError(message, { cause: thrown });
    }
  });
  return new Map(await Promise.all(read));
}
