import { compareText } from '../../lib/compare-text.ts';
import { bytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { encodedSize } from '../../contract/model-config.ts';
import { MODELS_JSON_CAPACITY } from '../../contract/model-config-plan.ts';
import { candidatesOf, storageUriOf } from './candidate.decide.ts';
import type { Candidate, FoldFacts } from './candidate.decide.ts';
import { differences, identityKey, identityOf } from './identity.decide.ts';
import type { Identity } from './identity.decide.ts';
import { emptyServerOf, modelMemoryOf } from './memory.decide.ts';
import type { Assumptions, ModelMemory } from './memory.decide.ts';
import { obstacleOf } from './obstacles.decide.ts';
import type { Obstacle } from './obstacles.decide.ts';

/** An InferenceService that can become a model in shared pods. */
export interface Member {
  readonly candidate: Candidate;
  readonly storageUri: string;
  readonly framework: string;
  readonly memory: ModelMemory;
}

/** InferenceServices that can share pods. */
export interface Group {
  readonly namespace: string;
  /** The name of the shared InferenceService, which is unique. */
  readonly name: string;
  readonly members: readonly [Member, ...Member[]];
  readonly emptyServer: Bytes;
}

interface Alone {
  readonly candidate: Candidate;
  readonly obstacle: Obstacle;
}

interface Grouping {
  readonly groups: readonly Group[];
  readonly alone: readonly Alone[];
}

/** The user's selection. */
export interface Choice {
  /** Runtimes whose server loads models by the V2 repository API, according to the user. */
  readonly trusted: ReadonlySet<string>;
  /** InferenceServices by name; empty means all. */
  readonly only: ReadonlySet<string>;
}

type Fit = Member & { readonly identity: Identity };

/** Which InferenceServices can share pods, and why the others cannot. Each is in one of the two lists. */
export function groupServices(facts: FoldFacts, assumed: Assumptions, { trusted, only }: Choice): Grouping {
  const all = candidatesOf(facts);
  const candidates = only.size === 0 ? all : all.filter(({ name }) => only.has(name));
  const alone: Alone[] = [];
  const fits: Fit[] = [];
  for (const candidate of candidates) {
    const obstacle =
      obstacleOf(candidate, { trainedModels: facts.trainedModels, trusted }) ?? tooLarge(candidate, assumed);
    if (obstacle === undefined)
      fits.push({ ...memberOf(candidate, assumed), identity: identityOf(candidate) });
    else alone.push({ candidate, obstacle });
  }
  const alike = [...Map.groupBy(fits, ({ identity }) => identityKey(identity)).values()];
  const taken = new Set(all.map(({ namespace, name }) => `${namespace}/${name}`));
  const groups: Group[] = [];
  for (const fitting of alike) {
    const bins = fitting.length === 1 ? [fitting] : binsOf(fitting, assumed);
    for (const members of bins) {
      const [first, ...others] = members;
      if (first === undefined) continue;
      if (others.length === 0) alone.push({ candidate: first.candidate, obstacle: whyAlone(first, alike) });
      else groups.push(groupOf([first, ...others], taken, assumed));
    }
  }
  const rank = new Map(candidates.map((candidate, index) => [candidate, index]));
  const rankOf = ({ candidate }: Alone): number => rank.get(candidate) ?? 0;
  return {
    groups: groups.sort((a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name)),
    alone: alone.sort((a, b) => rankOf(a) - rankOf(b)),
  };
}

/** One InferenceService as a member of an existing group, or why it cannot be. */
export function memberNamed(
  facts: FoldFacts,
  assumed: Assumptions,
  { trusted }: Pick<Choice, 'trusted'>,
  name: string,
): Member | Obstacle | undefined {
  const candidate = candidatesOf(facts).find((one) => one.name === name);
  return (
    candidate &&
    (obstacleOf(candidate, { trainedModels: facts.trainedModels, trusted }) ?? memberOf(candidate, assumed))
  );
}

function memberOf(candidate: Candidate, assumed: Assumptions): Member {
  return {
    candidate,
    storageUri: storageUriOf(candidate.predictor) ?? '',
    framework: candidate.request?.format.name ?? '',
    memory: modelMemoryOf(candidate, assumed),
  };
}

function tooLarge(candidate: Candidate, assumed: Assumptions): Obstacle | undefined {
  const { memory } = modelMemoryOf(candidate, assumed);
  if (memory + emptyServerOf(candidate, assumed) <= assumed.podMemory) return undefined;
  return {
    code: 'TooLarge',
    message:
      'its model fills a shared pod alone; raise --pod-memory, or set --model-memory to what it really uses',
  };
}

/**
 * As many in one group as memory, --models-per-pod and the ConfigMap of models.json allow, in the order of their names.
 */
function binsOf(fits: readonly Fit[], assumed: Assumptions): Fit[][] {
  const bins: { readonly fits: Fit[]; memory: bigint; json: number }[] = [];
  for (const fit of fits) {
    const { name } = fit.candidate;
    const { storageUri, framework, memory } = fit;
    const json = encodedSize({
      modelName: name,
      modelSpec: { storageUri, framework, memory: String(memory.memory) },
    });
    const room = assumed.podMemory - emptyServerOf(fit.candidate, assumed);
    const bin = bins.find(
      (one) =>
        one.fits.length < assumed.modelsPerPod &&
        one.memory + memory.memory <= room &&
        one.json + json <= MODELS_JSON_CAPACITY,
    );
    if (bin === undefined) bins.push({ fits: [fit], memory: memory.memory, json });
    else {
      bin.fits.push(fit);
      bin.memory += memory.memory;
      bin.json += json;
    }
  }
  return bins.map((bin) => bin.fits);
}

function groupOf(members: readonly [Fit, ...Fit[]], taken: Set<string>, assumed: Assumptions): Group {
  const [first] = members;
  const { namespace } = first.candidate;
  const name = freeName(namespace, first.framework, taken);
  const empties = members.map(({ candidate }) => emptyServerOf(candidate, assumed));
  return { namespace, name, members, emptyServer: bytes(empties.reduce((a, b) => (a > b ? a : b))) };
}

/** `sklearn-shared`, then `sklearn-shared-2`. Formats may contain any letters; names of InferenceServices may not. */
function freeName(namespace: string, format: string, taken: Set<string>): string {
  const word = format
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 30);
  const base = `${word === '' ? 'models' : word}-shared`;
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (taken.has(`${namespace}/${name}`)) continue;
    taken.add(`${namespace}/${name}`);
    return name;
  }
}

/** The single facet in which it differs from the most similar ones. */
function whyAlone({ candidate, identity }: Fit, alike: readonly (readonly Fit[])[]): Obstacle {
  const [near] = alike
    .flatMap(([one]) => (one === undefined || one.identity.namespace !== identity.namespace ? [] : [one]))
    .map((one) => ({ name: one.candidate.name, facet: differences(identity, one.identity) }))
    .filter(({ name, facet }) => facet.length > 0 || name !== candidate.name)
    .sort((a, b) => a.facet.length - b.facet.length);
  if (near === undefined)
    return { code: 'Alone', message: 'no other InferenceService of its namespace could share pods' };
  const [facet] = near.facet;
  if (facet === undefined)
    return {
      code: 'Alone',
      message: 'the shared pods for its kind are full: raise --pod-memory or --models-per-pod',
    };
  return { code: 'Alone', message: `${near.name} is the most similar, and differs in its ${facet}` };
}
