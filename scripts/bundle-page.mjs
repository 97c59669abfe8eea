/** Bundles the page for browsers (src/page/browser) into page/browser of a directory: one script, one style sheet, one document. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './run.mjs';

/** Taken as they are. */
const FILES = ['index.html', 'page.css', 'icon.svg'];

/** @param {string} outdir absolute */
export async function bundlePage(outdir) {
  const target = join(outdir, 'page', 'browser');
  mkdirSync(target, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: { page: 'src/page/browser/main.ts' },
    outdir: target,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    // What has AbortSignal.any: browsers of the last two years.
    target: ['chrome120', 'firefox124', 'safari17.4'],
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'warning',
    tsconfig: join(root, 'src', 'page', 'browser', 'tsconfig.json'),
  });
  for (const file of FILES) copyFileSync(join(root, 'src', 'page', 'browser', file), join(target, file));
}
