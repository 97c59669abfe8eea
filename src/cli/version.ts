import { readFileSync } from 'node:fs';

/** The same from src/cli, from dist/cli and from dist/bundle. */
const PACKAGE = new URL('../../package.json', import.meta.url);

/** The version in package.json. */
export function packageVersion(file = PACKAGE): string {
  const text = readFileSync(file, 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** How the API server's audit log knows us. */
export function userAgent(): string {
  return `kserve-mms/${packageVersion()}`;
}
