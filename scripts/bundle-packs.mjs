/**
 * Bundles the programs that run in pods into a directory: the agent, its puller's process, and the manager. For each a
 * launcher, a pack of all it needs at every start, compiled, and single files for what it needs at times, such as the client
 * of an object store. One small script of what it really uses is what keeps its memory down and its start short.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { build, transform } from 'esbuild';
import { clientNodeAsUsed } from './client-node-as-used.mjs';
import { withNamespaces } from './commonjs-namespaces.mjs';
import { undiciAsUsed } from './undici-as-used.mjs';
import { packagedNode, root, run } from './run.mjs';

/**
 * What packages load at once and no bundle uses: worker threads that write logs; summaries, and the parts for clusters and
 * push gateways.
 */
const OF_LOGS = /[\\/]pino[\\/]lib[\\/]transport\.js$/;
const OF_METRICS = /[\\/]prom-client[\\/]lib[\\/](summary|cluster|pushgateway)\.js$/;
/** Metrics of the process, with OpenTelemetry's interface. */
const METRICS_OF_THE_PROCESS = /[\\/]prom-client[\\/]lib[\\/]defaultMetrics\.js$/;

/**
 * What each bundle is made from; `hot` are the entry points of dynamic imports that come up at every start. Launchers and
 * their chunks are below the output directory. `leftOut` are modules of packages that are never used.
 */
const BUNDLES = [
  {
    name: 'agent',
    entry: 'src/cli/agent/agent-main.ts',
    launcher: 'agent.js',
    chunks: 'agent-chunks',
    inlined: true,
    hot: /(agent-p(rogram|rocess)|sources\/(http|file))\.ts$/,
    leftOut: [OF_LOGS, OF_METRICS, METRICS_OF_THE_PROCESS],
  },
  {
    name: 'agent-puller',
    entry: 'src/agent/puller/puller-main.ts',
    launcher: 'agent-puller.js',
    chunks: 'agent-chunks',
    inlined: false,
    hot: /sources\/http\.ts$/,
    leftOut: [OF_LOGS, OF_METRICS, METRICS_OF_THE_PROCESS],
  },
  {
    name: 'manager',
    entry: 'src/cli/manager-main.ts',
    launcher: 'manager-bundle/main.js',
    chunks: 'manager-bundle',
    inlined: false,
    hot: /(cli\/(kube-config|process-log)|manager\/manager)\.ts$/,
    leftOut: [OF_LOGS, OF_METRICS],
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

/** Leaves these files out. With the rest of prom-client and pino they took a quarter of the agent's pack, and TLS with it. */
const withoutFiles = (leftOut) => ({
  name: 'without-files',
  setup({ onLoad }) {
    for (const filter of leftOut)
      onLoad({ filter }, () => ({ contents: 'module.exports = undefined;', loader: 'js' }));
  },
});

/**
 * @param {string} outdir absolute
 * @returns the inputs of the bundle, by their paths below the repository
 */
export async function bundlePacks(outdir) {
  const inputs = [];
  const launcher = readFileSync(join(root, 'scripts', 'pack-launcher.js'), 'utf8');
  for (const bundle of BUNDLES) {
    const { files, inlined, pack, sources } = await modulesOf(bundle);
    const { name } = bundle;
    const launcherFile = join(outdir, bundle.launcher);
    const chunks = join(outdir, bundle.chunks);
    mkdirSync(chunks, { recursive: true });
    inputs.push(...sources);
    for (const [id, code] of files) {
      if (!inlined.has(id) && !pack.has(id)) writeFileSync(join(chunks, id), code);
    }
    const code = objectOf(pack, files);
    // V8 knows code that it compiled by its length alone; so a change is another file.
    const packName = `${name}-pack-${createHash('sha256').update(code).digest('hex').slice(0, 8)}`;
    const packFile = join(chunks, `${packName}.js`);
    writeFileSync(packFile, code);
    const texts = {
      INLINED: objectOf(inlined, files),
      PACK: packName,
      ENTRY: `${name}.js`,
      CHUNKS: `./${relative(dirname(launcherFile), chunks)}`,
    };
    writeFileSync(
      launcherFile,
      launcher.replace(/INLINED|PACK|ENTRY|CHUNKS/g, (word) => texts[word]),
    );
    const compiler = join(root, 'scripts', 'compile-pack.mjs');
    const seeds = ['--hash-seed=1', '--random-seed=1'];
    const exitCode = await run(packagedNode, [...seeds, compiler, packFile, join(chunks, packName)]);
    if (exitCode !== 0) throw new Error(`compiling ${packFile} ended with ${exitCode}`);
  }
  return [...new Set(inputs)];
}

/** A bundle as functions by file name, and which of them stand in its launcher and in its pack. */
async function modulesOf({ name, entry, inlined: isInlined, hot, leftOut }) {
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
    // undici leaves its second parser out where this name is known, as in Node itself.
    define: { 'import.meta.url': '__url', esbuildDetection: 'true' },
    plugins: [requireBuiltins, clientNodeAsUsed, undiciAsUsed, withoutFiles(leftOut)],
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
