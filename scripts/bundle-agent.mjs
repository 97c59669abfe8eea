/**
 * Bundles the sidecar into a directory: agent.js, its puller's process agent-puller.js, and chunks that they load when a
 * storageUri needs them. One small file of what it really uses is what keeps the idle agent's memory down.
 */
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './run.mjs';

/** For the CommonJS packages inside an ES module, and for the built-in modules below. */
export const BANNER = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __toPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __toPath(import.meta.url);',
  "const __dirname = __toPath(new URL('.', import.meta.url));",
].join('\n');

/**
 * Takes Node's modules by `require`. An ES import of node:http reads all its exports, and one of them, WebSocket, loads
 * the whole of Node's own undici: 12 MiB and 20 ms on Node 24.21, for something the agent never uses.
 */
const requireBuiltins = {
  name: 'require-builtins',
  setup({ onResolve, onLoad }) {
    const names = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
    onResolve({ filter: /.*/ }, ({ path, kind, namespace }) => {
      if (!names.has(path)) return undefined;
      if (namespace === 'builtin' || kind === 'require-call') return { path, external: true };
      return { path, namespace: 'builtin' };
    });
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
      loader: 'js',
    }));
  },
};

/** prom-client's client of a push gateway, which the agent has no use for, would load TLS: 3 MiB. */
const withoutPushgateway = {
  name: 'without-pushgateway',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/lib\/pushgateway$/ }, () => ({ path: 'pushgateway', namespace: 'left-out' }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: 'module.exports = undefined;',
      loader: 'js',
    }));
  },
};

/**
 * @param {string} outdir absolute
 * @returns the inputs of the bundle, by their paths below the repository
 */
export async function bundleAgent(outdir) {
  const { metafile } = await build({
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
    plugins: [requireBuiltins, withoutPushgateway],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    logLevel: 'warning',
    metafile: true,
    tsconfig: join(root, 'tsconfig.json'),
  });
  return Object.keys(metafile.inputs);
}
