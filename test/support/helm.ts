import { execFile } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { goTool } from './go-tool.ts';
import { ROOT } from './page.ts';
import type { Rendered } from './rendered.ts';

const run = promisify(execFile);

export const CHART = join(ROOT, 'charts', 'kserve-mms');
/** What a Helm that Go has built by itself takes the cluster for is older than the chart allows. */
const KUBERNETES = ['--kube-version', '1.36.3'];

const findHelm = (): Promise<string> =>
  goTool({ name: 'helm', package: 'helm.sh/helm/v3/cmd/helm', version: 'v3.22.0' });

/** A PATH on which commands of the pages find `helm`. */
export async function pathWithHelm(): Promise<string> {
  return `${dirname(await findHelm())}${delimiter}${process.env['PATH'] ?? ''}`;
}

/** Helm itself. Resolves with what it printed; rejects with all it said when it finds a fault. */
export async function helm(args: readonly string[], kubeconfig?: string): Promise<string> {
  const path = await findHelm();
  const env = { ...process.env, ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }) };
  const { stdout } = await run(path, args, { env, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

/** What the chart renders, with these flags of `helm template`. */
export async function renderChart(...flags: readonly string[]): Promise<readonly Rendered[]> {
  const text = await helm(['template', 'kserve-mms', CHART, ...KUBERNETES, ...flags]);
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as Rendered | null) ?? []);
}
