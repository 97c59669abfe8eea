/**
 * Bundles the sidecar into a directory: agent.js, its puller's process agent-puller.js, and chunks that they load when a
 * storageUri needs them. One small file of what it really uses is what keeps the idle agent's memory down.
 */
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './run.mjs';

/** CommonJS packages inside an ES module still ask for these. */
const BANNER = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __toPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __toPath(import.meta.url);',
  "const __dirname = __toPath(new URL('.', import.meta.url));",
].join('\n');

/** @param {string} outdir absolute */
export async function bundleAgent(outdir) {
  await build({
    absWorkingDir: root,
    entryPoints: { agent: 'src/cli/agent-main.ts', 'agent-puller': 'src/agent/puller/puller-main.ts' },
    outdir,
    chunkNames: 'agent-chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    banner: { js: BANNER },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    logLevel: 'warning',
    tsconfig: join(root, 'tsconfig.json'),
  });
}
