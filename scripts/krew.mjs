/**
 * `node scripts/krew.mjs --url URL --sha256 HEX --homepage URL`: prints the manifest by which krew installs `kubectl mms`, for the npm
 * package of this version as it was published at that URL. The command line is bundled, so that Node.js is all it needs.
 * Source: krew.sigs.k8s.io/docs/developer-guide/plugin-manifest.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { root, runMain } from './run.mjs';

const DESCRIPTION = `Shows where each model of a multi-model InferenceService stands, explains what is in its way,
loads and unloads models, sends them requests, and checks files before they are applied.`;

await runMain(() => {
  const { values } = parseArgs({
    options: { url: { type: 'string' }, sha256: { type: 'string' }, homepage: { type: 'string' } },
  });
  const { url = '', sha256 = '', homepage = '' } = values;
  if (![url, homepage].every((text) => /^https:\/\/\S+$/.test(text)) || !/^[0-9a-f]{64}$/.test(sha256)) {
    console.error(
      'krew.mjs needs --url and --homepage, both https, and --sha256, 64 hexadecimal digits of the file at --url',
    );
    return 2;
  }
  const { version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const platforms = ['linux', 'darwin'].map((os) => ({
    selector: { matchLabels: { os } },
    uri: url,
    sha256,
    files: [{ from: 'package/*', to: '.' }],
    bin: 'bin/kubectl-mms',
  }));
  console.log(
    stringify({
      apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
      kind: 'Plugin',
      metadata: { name: 'mms' },
      spec: {
        version: `v${version}`,
        homepage,
        shortDescription: 'Many models in one pod, for KServe',
        description: `${description}.\n${DESCRIPTION}`,
        caveats: 'It needs Node.js 22.21 or later in the PATH.',
        platforms,
      },
    }).trimEnd(),
  );
  return 0;
});
