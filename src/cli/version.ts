import { readFileSync } from 'node:fs';

/** The version in package.json; the same file from src/cli and from dist/cli. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** How the API server's audit log knows us. */
export function userAgent(): string {
  return `kserve-mms/${packageVersion()}`;
}
