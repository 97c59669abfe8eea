import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { file } from './entry.ts';
import type { Entry } from './entry.ts';
import type { Platform } from './platform.ts';

/** What of the repository is in the image, as it lies there; directories with all that is in them. */
const TAKEN = [
  'LICENSE',
  'bin/mms.js',
  'dist/agent-chunks',
  'dist/agent-puller.js',
  'dist/agent.js',
  'dist/bundle',
  'dist/manager-bundle',
  'dist/page/browser',
  'manifests/crds',
];

export interface Documents {
  readonly version: string;
  readonly licence: string;
  /** Bill of materials, CycloneDX JSON. */
  readonly sbom: string;
  /** The licences of what is bundled. */
  readonly notices: string;
}

/**
 * The program below /app: the bundles, their launcher, and the papers.
 *
 * @param root the repository, built
 */
export async function appLayer(
  root: string,
  { nodeArchitecture }: Platform,
  documents: Documents,
): Promise<Entry[]> {
  const { version, licence, sbom, notices } = documents;
  const all = (await Promise.all(TAKEN.map((path) => filesBelow(root, path)))).flat();
  // The caches are compiled for the processor that built them; on another one, Node compiles the code itself.
  const paths = all.filter((path) => !path.endsWith('.cache') || path.endsWith(`-${nodeArchitecture}.cache`));
  const files = paths.map(async (path) => file(`app/${path}`, await readFile(join(root, path))));
  return [
    ...(await Promise.all(files)),
    file(
      'app/package.json',
      `${JSON.stringify({ name: 'kserve-mms', version, license: licence, type: 'module' })}\n`,
    ),
    file('app/sbom.cdx.json', sbom),
    file('app/THIRD-PARTY-NOTICES', notices),
  ];
}

async function filesBelow(root: string, path: string): Promise<string[]> {
  if (!(await stat(join(root, path))).isDirectory()) return [path];
  const names = await readdir(join(root, path));
  return (await Promise.all(names.map((name) => filesBelow(root, `${path}/${name}`)))).flat();
}
