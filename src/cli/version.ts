import { readFileSync } from 'node:fs';
import { packageFile } from '../lib/package-files.ts';

/** The version in package.json. */
export function packageVersion(file = packageFile('package.json')): string {
  const text = readFileSync(file, 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** How the API server's audit log knows us. */
export function userAgent(): string {
  return `kserve-mms/${packageVersion()}`;
}
