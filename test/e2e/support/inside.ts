/** A real node from inside its namespaces: starts it, runs jest or another program on it, and stops it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeAssets } from './assets.ts';
import { startNode } from './node.ts';
import { becomeNode } from './node-namespace.ts';

/** Instead of jest's arguments: a shell on the node, for inspection. */
const SHELL = '--shell';
/** In the place of jest's arguments: a script, and its own arguments. */
const SCRIPT = '--script';
const RESULTS = fileURLToPath(new URL('../../../test-results/e2e.json', import.meta.url));
const JEST = [
  // For ES modules in jest. They are arguments, because NODE_OPTIONS would reach the programs that tests start.
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  fileURLToPath(new URL('../../../scripts/jest.mjs', import.meta.url)),
  `--config=${fileURLToPath(new URL('../jest.config.js', import.meta.url))}`,
  '--runInBand',
  '--json',
  `--outputFile=${RESULTS}`,
];

const started = performance.now();
const progress = (line: string): void => {
  process.stderr.write(`[e2e ${Math.round((performance.now() - started) / 1000)} s] ${line}\n`);
};

const [directory = '', assetsFile = '', ...args] = process.argv.slice(2);
const assets = JSON.parse(await readFile(assetsFile, 'utf8')) as NodeAssets;
await becomeNode(directory);
const node = await startNode(directory, assets, progress);
try {
  const [command, ...rest] = commandOf(args);
  const program = spawn(command, rest, {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: pathWith(assets.kubectl),
      KUBECONFIG: node.kubeconfig,
      NODE_DIRECTORY: directory,
      KSERVE_MMS_E2E_NODE: JSON.stringify(node),
    },
  });
  const [code] = (await once(program, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  progress('stopping the node');
  await node.stop();
}

function commandOf([kind = '', ...more]: readonly string[]): readonly [string, ...string[]] {
  if (kind === SHELL) return ['bash', ...more];
  if (kind === SCRIPT) return [process.execPath, ...more];
  return [process.execPath, ...JEST, ...args];
}

/** For a user of the shell. A kubectl without a directory is in the PATH already. */
function pathWith(kubectl: string): string {
  const path = process.env['PATH'] ?? '';
  return isAbsolute(kubectl) ? `${dirname(kubectl)}:${path}` : path;
}
