import { isRecord } from '../../lib/json.ts';
import type { InferenceService } from '../../contract/inference-service.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { readServingRuntime } from '../../contract/serving-runtime.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../contract/system-config.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { groupOf } from '../analyze/finding.decide.ts';
import type { AnalyzedObject } from '../analyze/finding.decide.ts';
import { readObjects } from '../analyze/located-objects.ts';
import { findManifests, readManifest } from '../analyze/manifest-files.ts';
import { InputFileError, readInput } from '../documents.ts';
import type { CommandIo } from '../io.ts';
import { agentRequests, trainedModelNames, withTextMaps } from './facts.decide.ts';
import type { ReadFacts } from './read-facts.ts';

const GROUP = 'serving.kserve.io';

/**
 * Reads InferenceServices, and any ServingRuntimes and TrainedModels, from files. What is not a whole object, such as a
 * template or a patch, is noted.
 * @param namespace only objects that are, or could be, in it; undefined: all
 * @throws {InputFileError} when a file cannot be read, or has no InferenceService
 */
export async function factsOfFiles(
  paths: readonly string[],
  namespace: string | undefined,
  io: CommandIo,
): Promise<ReadFacts> {
  const notes: string[] = [];
  const objects = (await readAll(paths, notes, io)).filter(({ apiVersion }) => groupOf(apiVersion) === GROUP);
  const isWanted = ({ metadata }: KubernetesObject): boolean =>
    namespace === undefined || metadata.namespace === undefined || metadata.namespace === namespace;
  const ofKind = <T extends KubernetesObject>(wanted: string): T[] =>
    (objects.filter(({ kind, object }) => kind === wanted && hasName(object)) as { object: unknown }[])
      .map(({ object }) => withTextMaps(object as T))
      .filter(isWanted);
  const services = new Map(
    ofKind<InferenceService>('InferenceService').map((one) => [
      `${one.metadata.namespace ?? ''}/${one.metadata.name}`,
      one,
    ]),
  );
  if (services.size === 0) throw new InputFileError(`there is no InferenceService in ${paths.join(', ')}`);
  const runtimes = (['ServingRuntime', 'ClusterServingRuntime'] as const).flatMap((kind) =>
    ofKind(kind).map((runtime) => ({
      ...readServingRuntime(kind, runtime),
      namespace: kind === 'ServingRuntime' ? runtime.metadata.namespace : undefined,
    })),
  );
  return {
    facts: {
      services: [...services.values()],
      trainedModels: trainedModelNames(ofKind<TrainedModel>('TrainedModel')),
      ...{ runtimes, allRuntimes: false, pods: undefined, defaultMode: undefined, artifacts: new Map() },
      agent: agentRequests(DEFAULT_SYSTEM_CONFIG.agent),
    },
    ...{ notes, unmeasured: undefined },
  };
}

function hasName({ metadata }: Readonly<Record<string, unknown>>): boolean {
  return isRecord(metadata) && typeof metadata['name'] === 'string' && isTextOrAbsent(metadata['namespace']);
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

async function readAll(paths: readonly string[], notes: string[], io: CommandIo): Promise<AnalyzedObject[]> {
  const objects: AnalyzedObject[] = [];
  const take = (file: string, text: string): void => {
    const read = readObjects(file, text);
    for (const object of read.objects) objects.push(object);
    for (const { place, message } of read.findings) notes.push(`${place.file}:${place.line}: ${message}`);
  };
  for (const path of new Set(paths)) {
    if (path === '-') {
      take('stdin', await readInput('-', io));
      continue;
    }
    const { files, unreadable } = await findManifests(path);
    for (const { path: where, reason } of unreadable)
      throw new InputFileError(`cannot read ${where}: ${reason}`);
    for (const file of files) {
      if (file.patchOf !== undefined) {
        notes.push(`${file.path}: this is a patch of ${file.patchOf} and was left out`);
        continue;
      }
      const read = await readManifest(file.path);
      if ('text' in read) take(file.path, read.text);
      else throw new InputFileError(`cannot read ${file.path}: ${read.reason}`);
    }
  }
  return objects;
}
