import process from 'node:process';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import { installedProgram } from './installed-program.ts';
import type { PackagedProgram } from './installed-program.ts';

export const CHROMIUM: PackagedProgram = {
  names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  packages: ['chromium', 'fonts-liberation'],
  purpose: 'a browser to test the page with',
};

/** Installs the browser if missing, which takes half a minute or more. Call it in a hook with a long timeout. */
export function installedChromium(): Promise<string> {
  return installedProgram(CHROMIUM);
}

/** A real browser without a window. */
export async function startBrowser(): Promise<Browser> {
  // Chromium's sandbox does not run as root, and the page is our own.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: await installedChromium(), args });
}
