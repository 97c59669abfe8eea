import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { MmsError, messageOf } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/quantity.ts';
import type { Group, Member } from './groups.decide.ts';
import { sharedInferenceService, trainedModelOf } from './manifests.decide.ts';
import type { FoldReport } from './report.decide.ts';
import { placeOf } from './report-text.decide.ts';
import type { SharedPods } from './savings.decide.ts';

/** The files cannot be written, or others exist. */
class FoldFilesError extends MmsError {
  readonly code = 'FOLD_FILES';
  readonly retryable = false;
}

interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Kubernetes' rule (RFC 1123): the name becomes a directory, and files may contain anything. */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Writes the shared InferenceServices and their TrainedModels below a directory, one object per file, with a
 * kustomization for each group. Nothing is written unless everything can be.
 * @returns the number of files
 * @throws {FoldFilesError} when a file exists with other contents, unless `force`
 */
export async function writeManifests(report: FoldReport, directory: string, force: boolean): Promise<number> {
  for (const { group } of report.groups) {
    if (group.namespace === '' || NAMESPACE.test(group.namespace)) continue;
    throw new FoldFilesError(
      `${JSON.stringify(group.namespace)} cannot be the name of a namespace; correct it in the files`,
    );
  }
  const files = report.groups.flatMap(({ group, shared }) =>
    filesOf(group, shared).map(({ path, text }) => ({
      path: join(directory, placeOf(group), path),
      text,
    })),
  );
  if (!force) {
    for (const { path, text } of files) {
      const there = await readFile(path, 'utf8').catch(() => undefined);
      if (there === undefined || there === text) continue;
      throw new FoldFilesError(
        `${path} exists already with other contents; name another directory, or use --force`,
      );
    }
  }
  for (const { path, text } of files) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    } catch (thrown) {
      throw new FoldFilesError(`cannot write ${path}: ${messageOf(thrown)}`, { cause: thrown });
    }
  }
  return files.length;
}

function filesOf(group: Group, shared: SharedPods): TextFile[] {
  const service = { path: 'inference-service.yaml', text: stringify(sharedInferenceService(group, shared)) };
  const models = group.members.map((member) => ({
    path: `model-${member.candidate.name}.yaml`,
    text: `${memoryComment(member)}${stringify(trainedModelOf(member, group))}`,
  }));
  const resources = [service, ...models].map(({ path }) => path);
  const kustomization = {
    ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources },
  };
  return [service, ...models, { path: 'kustomization.yaml', text: stringify(kustomization) }];
}

/** Shows the reader of the file how certain its memory is. */
function memoryComment({ memory: { memory, source } }: Member): string {
  const amount = formatBytes(memory);
  switch (source) {
    case 'measured':
      return `# Memory: ${amount}, what the pods of the InferenceService used, minus an empty server, plus a margin.\n`;
    case 'given':
      return `# Memory: ${amount}, as given with --model-memory.\n`;
    case 'artifact':
      return `# Memory: ${amount} is a guess: twice the size of its artifact.\n`;
    case 'declared':
      return `# Memory: ${amount} is a guess: what the InferenceService requested, minus an empty server. It is likely far too high.\n`;
    case 'guess':
      return `# Memory: ${amount} is a guess: nothing was measured.\n`;
  }
}
