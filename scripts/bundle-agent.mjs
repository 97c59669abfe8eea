/**
 * Bundles the sidecar into a directory: agent.js, its puller's process agent-puller.js, and in agent-chunks what they load:
 * for each a pack of all it needs at every start, compiled, and single files for what a storageUri may need. One small
 * script of what it really uses is what keeps the idle agent's memory down and its start short.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, join } from 'node:path';
import { build, transform } from 'esbuild';
import { withNamespaces } from './commonjs-namespaces.mjs';
import { packagedNode, root, run } from './run.mjs';

/** What each bundle is made from; `hot` are the entry points of dynamic imports that come up at every start. */
const BUNDLES = [
  {
    name: 'agent',
    entry: 'src/cli/agent/agent-main.ts',
    inlined: true,
    hot: /(agent-p(rogram|rocess)|sources\/(http|file))\.ts$/,
  },
  {
    name: 'agent-puller',
    entry: 'src/agent/puller/puller-main.ts',
    inlined: false,
    hot: /sources\/http\.ts$/,
  },
];

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

/**
 * What prom-client and pino load at once and the agent never uses, which took a quarter of its pack, and TLS with it:
 * metrics of the process, with OpenTelemetry's interface; summaries; the parts for clusters and push gateways; worker threads
 * that write logs.
 */
const LEFT_OUT = {
  filter: /^\.\/(lib\/)?(defaultMetrics|summary|cluster|pushgateway|transport)$/,
  importer: /[\\/]node_modules[\\/](prom-client|pino)[\\/]/,
};
const withoutUnused = {
  name: 'without-unused',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: LEFT_OUT.filter }, ({ path, importer }) =>
      LEFT_OUT.importer.test(importer) ? { path, namespace: 'left-out' } : undefined,
    );
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
  const inputs = [];
  const chunks = join(outdir, 'agent-chunks');
  mkdirSync(chunks, { recursive: true });
  const launcher = readFileSync(join(root, 'scripts', 'agent-launcher.js'), 'utf8');
  for (const bundle of BUNDLES) {
    const { files, inlined, pack, sources } = await modulesOf(bundle);
    const { name } = bundle;
    inputs.push(...sources);
    for (const [id, code] of files) {
      if (!inlined.has(id) && !pack.has(id)) writeFileSync(join(chunks, id), code);
    }
    const code = objectOf(pack, files);
    // V8 knows code that it compiled by its length alone; so a change is another file.
    const packName = `${name}-pack-${createHash('sha256').update(code).digest('hex').slice(0, 8)}`;
    const packFile = join(chunks, `${packName}.js`);
    writeFileSync(packFile, code);
    const texts = { INLINED: objectOf(inlined, files), PACK: packName, ENTRY: `${name}.js` };
    writeFileSync(
      join(outdir, `${name}.js`),
      launcher.replace(/INLINED|PACK|ENTRY/g, (word) => texts[word]),
    );
    const compiler = join(root, 'scripts', 'compile-pack.mjs');
    const seeds = ['--hash-seed=1', '--random-seed=1'];
    const exitCode = await run(packagedNode, [...seeds, compiler, packFile, join(chunks, packName)]);
    if (exitCode !== 0) throw new Error(`compiling ${packFile} ended with ${exitCode}`);
  }
  return [...new Set(inputs)];
}

/** A bundle as functions by file name, and which of them stand in its launcher and in its pack. */
async function modulesOf({ name, entry, inlined: isInlined, hot }) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: { [name]: entry },
    outdir: 'out',
    chunkNames: `${name}-[name]-[hash]`,
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    define: { 'import.meta.url': '__url' },
    plugins: [requireBuiltins, withoutUnused],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    logLevel: 'warning',
    tsconfig: join(root, 'tsconfig.json'),
  });
  const files = new Map();
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  for (const [path, text] of withNamespaces(texts)) files.set(path, await functionOf(path, text));
  const { inputs, outputs } = metafile;
  const inlined = isInlined ? closure(outputs, [`out/${name}.js`], /^$/) : new Set();
  const whole = closure(outputs, [`out/${name}.js`], hot);
  const pack = new Set([...whole].filter((id) => !inlined.has(id)));
  return { files, inlined, pack, sources: Object.keys(inputs) };
}

/** An ES module of the bundle as a function that fills `module.exports`; other outputs as they are. */
async function functionOf(path, text) {
  if (!path.endsWith('.js')) return text;
  const { code } = await transform(text, {
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    supported: { 'dynamic-import': false },
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'inline',
  });
  return `(function(exports,require,module,__dirname,__url){${code}\n})`;
}

/** The names of the files that load together with the first ones. */
function closure(outputs, first, hot) {
  const found = new Set();
  const queue = [...first];
  for (const path of queue) {
    if (found.has(basename(path))) continue;
    found.add(basename(path));
    for (const { path: next, kind, external } of outputs[path].imports) {
      if (external) continue;
      if (kind === 'import-statement' || hot.test(outputs[next].entryPoint ?? '')) queue.push(next);
    }
  }
  return found;
}

/** An expression for an object with a function for each of these files. */
function objectOf(ids, files) {
  return `({${[...ids].map((id) => `${JSON.stringify(`./${id}`)}:${files.get(id)}`).join(',\n')}})`;
}
