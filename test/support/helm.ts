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
/** A Helm built with plain Go assumes an older cluster than the chart allows. */
const KUBERNETES = ['--kube-version', '1.36.3'];

const findHelm = (): Promise<string> =>
  goTool({ name: 'helm', package: 'helm.sh/helm/v3/cmd/helm', version: 'v3.22.0' });

/** A PATH in which commands of the pages find `helm`. */
export async function pathWithHelm(): Promise<string> {
  return `${dirname(await findHelm())}${delimiter}${process.env['PATH'] ?? ''}`;
}

/** Runs Helm. Resolves with its output; rejects with all its output when it fails. */
export async function helm(args: readonly string[], kubeconfig?: string): Promise<string> {
  const path = await findHelm();
  const env = { ...process.env, ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }) };
  const { stdout } = await run(path, args, { env, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

/** The objects that the chart renders with these flags of `helm template`. */
export async function renderChart(...flags: readonly string[]): Promise<readonly Rendered[]> {
  const text = await helm(['template', 'kserve-mms', CHART, ...KUBERNETES, ...flags]);
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as Rendered | null) ?? []);
}
