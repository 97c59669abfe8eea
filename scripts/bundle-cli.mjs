/**
 * Bundles the command line, the manager's roles included, into bundle/ of a directory: main.js and chunks that its
 * commands load. Two levels below the package's root, as src/lib is, so that the same relative paths lead to its files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { clientNodeAsUsed } from './client-node-as-used.mjs';
import { withNamespaces } from './commonjs-namespaces.mjs';
import { root } from './run.mjs';

/** For the CommonJS packages inside an ES module. */
const BANNER = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __toPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __toPath(import.meta.url);',
  "const __dirname = __toPath(new URL('.', import.meta.url));",
].join('\n');

/** `mms agent` is started from the agent's own bundle (bin/mms.js); its 4 MiB of object store clients are not taken twice. */
const withoutAgent = {
  name: 'without-agent',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/agent-process\.ts$/ }, () => ({ path: 'agent', namespace: 'left-out' }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: `export async function runAgentProcess() { throw new Error('start the agent with: mms agent'); }`,
      loader: 'js',
    }));
  },
};

/**
 * @param {string} outdir absolute
 * @returns the inputs of the bundle, by their paths below the repository
 */
export async function bundleCli(outdir) {
  const directory = join(outdir, 'bundle');
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { main: 'src/main.ts' },
    outdir: directory,
    write: false,
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    banner: { js: BANNER },
    plugins: [withoutAgent, clientNodeAsUsed],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    logLevel: 'warning',
    metafile: true,
    tsconfig: join(root, 'tsconfig.json'),
  });
  mkdirSync(directory, { recursive: true });
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  for (const [name, text] of withNamespaces(texts)) writeFileSync(join(directory, name), text);
  return Object.keys(metafile.inputs);
}
