import { delimiter, join } from 'node:path';
import process from 'node:process';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import { isExecutable } from '../../src/controlplane/binary-cache.ts';
import { aptInstall } from './apt-install.ts';

/** What Chromium, or a browser of its kind, is called. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * The path of a Chromium; where there is none, it is installed with apt-get, which takes half a minute or more: for a hook that
 * may take as long as that.
 */
export async function installedChromium(): Promise<string> {
  const found = await findChromium();
  if (found !== undefined) return found;
  await aptInstall(
    ['chromium', 'fonts-liberation'],
    'a browser to test the page with',
    process.env,
    (line) => {
      process.stderr.write(`${line}\n`);
    },
  );
  const installed = await findChromium();
  if (installed === undefined) throw new Error(`apt-get brought no ${NAMES.join(', ')} into the PATH`);
  return installed;
}

async function findChromium(): Promise<string | undefined> {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  const places = NAMES.flatMap((name) => directories.map((directory) => join(directory, name)));
  for (const place of places) if (await isExecutable(place)) return place;
  return undefined;
}

/** A real browser without a window. */
export async function startBrowser(): Promise<Browser> {
  // Chromium's sandbox refuses to be set up by root, and the page is our own.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: await installedChromium(), args });
}
