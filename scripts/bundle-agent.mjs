/**
 * Bundles the sidecar into a directory: agent.js, its puller's process agent-puller.js, and in agent-chunks what they load:
 * for each packs of all it needs at every start, compiled, and single files for what a storageUri may need. One small
 * script of what it really uses is what keeps the idle agent's memory down and its start short.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, join } from 'node:path';
import { build, transform } from 'esbuild';
import { packagedNode, root, run } from './run.mjs';

/** What each bundle is made from. Of each of its packs: the entry points of dynamic imports that come up at every start. */
const BUNDLES = [
  {
    ...{ name: 'agent', entry: 'src/cli/agent-main.ts', inlined: true },
    packs: [/cli\/agent-p(rogram|rocess)\.ts$/],
  },
  {
    ...{ name: 'agent-puller', entry: 'src/agent/puller/puller-main.ts', inlined: false },
    packs: [/sources\/http\.ts$/],
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
 * What prom-client and pino load at once and the agent never uses, which took a third of its second pack, and TLS with it:
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
    const { files, inlined, packs, sources } = await modulesOf(bundle);
    const { name } = bundle;
    inputs.push(...sources);
    const together = new Set([inlined, ...packs].flatMap((ids) => [...ids]));
    for (const [id, code] of files) {
      if (!together.has(id)) writeFileSync(join(chunks, id), code);
    }
    const packNames = [];
    for (const pack of packs) packNames.push(await writePack(chunks, name, objectOf(pack, files)));
    const texts = {
      INLINED: objectOf(inlined, files),
      PACKS: JSON.stringify(packNames),
      ENTRY: `${name}.js`,
    };
    writeFileSync(
      join(outdir, `${name}.js`),
      launcher.replace(/INLINED|PACKS|ENTRY/g, (word) => texts[word]),
    );
  }
  return [...new Set(inputs)];
}

/** Writes a pack, and what V8 makes of it, beside each other; returns its name. */
async function writePack(chunks, bundle, code) {
  // V8 knows code that it compiled by its length alone; so a change is another file.
  const name = `${bundle}-pack-${createHash('sha256').update(code).digest('hex').slice(0, 8)}`;
  const file = join(chunks, `${name}.js`);
  writeFileSync(file, code);
  const compiler = join(root, 'scripts', 'compile-pack.mjs');
  const seeds = ['--hash-seed=1', '--random-seed=1'];
  const exitCode = await run(packagedNode, [...seeds, compiler, file, join(chunks, name)]);
  if (exitCode !== 0) throw new Error(`compiling ${file} ended with ${exitCode}`);
  return name;
}

/** A bundle as functions by file name, and which of them stand in its launcher and in each of its packs. */
async function modulesOf({ name, entry, inlined: isInlined, packs: hot }) {
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
  for (const { path, text } of outputFiles) files.set(basename(path), await functionOf(path, text));
  const { inputs, outputs } = metafile;
  const inlined = isInlined ? closure(outputs, [`out/${name}.js`], []) : new Set();
  const packs = [];
  const placed = new Set(inlined);
  for (const count of hot.keys()) {
    const reached = closure(outputs, [`out/${name}.js`], hot.slice(0, count + 1));
    packs.push(reached.difference(placed));
    for (const id of reached) placed.add(id);
  }
  return { files, inlined, packs, sources: Object.keys(inputs) };
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

/** The names of the files that load together with the first ones, and with dynamic imports of what is `hot`. */
function closure(outputs, first, hot) {
  const found = new Set();
  const queue = [...first];
  for (const path of queue) {
    if (found.has(basename(path))) continue;
    found.add(basename(path));
    for (const { path: next, kind, external } of outputs[path].imports) {
      if (external) continue;
      const isHot = hot.some((pattern) => pattern.test(outputs[next].entryPoint ?? ''));
      if (kind === 'import-statement' || isHot) queue.push(next);
    }
  }
  return found;
}

/** An expression for an object with a function for each of these files. */
function objectOf(ids, files) {
  return `({${[...ids].map((id) => `${JSON.stringify(`./${id}`)}:${files.get(id)}`).join(',\n')}})`;
}
