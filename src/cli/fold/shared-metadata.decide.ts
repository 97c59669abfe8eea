import { textMapIn } from '../../lib/json.ts';
import { compareText } from '../../lib/compare-text.ts';
import type { Candidate } from './candidate.decide.ts';

type TextMap = Readonly<Record<string, string>>;

/** Metadata that tools write when they apply an object. It describes that one object, and means nothing on another. */
const OF_TOOLS =
  /^(kubectl\.kubernetes\.io|argocd\.argoproj\.io|meta\.helm\.sh|helm\.sh|kustomize\.toolkit\.fluxcd\.io|helm\.toolkit\.fluxcd\.io)\/|^app\.kubernetes\.io\/(instance|managed-by)$/;

interface SharedMetadata {
  readonly labels: TextMap;
  readonly annotations: TextMap;
  readonly ofPredictor: { readonly labels: TextMap; readonly annotations: TextMap };
  /** Keys that only some have, or with different values. */
  readonly leftOut: readonly string[];
}

/** The labels and annotations that all of them share, for the shared InferenceService. */
export function sharedMetadata(candidates: readonly Candidate[]): SharedMetadata {
  const maps = [
    candidates.map(({ service }) => service.metadata.labels ?? {}),
    candidates.map(({ service }) => service.metadata.annotations ?? {}),
    candidates.map(({ predictor }) => textMapIn(predictor['labels'])),
    candidates.map(({ predictor }) => textMapIn(predictor['annotations'])),
  ].map((all) => all.map(ofPeople));
  const [labels = {}, annotations = {}, podLabels = {}, podAnnotations = {}] = maps.map(alikeIn);
  const kept = [labels, annotations, podLabels, podAnnotations];
  const leftOut = maps.flatMap((all, index) =>
    all.flatMap((one) => Object.keys(one).filter((key) => !Object.hasOwn(kept[index] ?? {}, key))),
  );
  return {
    ...{ labels, annotations, ofPredictor: { labels: podLabels, annotations: podAnnotations } },
    leftOut: [...new Set(leftOut)].sort(compareText),
  };
}

function ofPeople(all: TextMap): TextMap {
  return Object.fromEntries(Object.entries(all).filter(([key]) => !OF_TOOLS.test(key)));
}

function alikeIn([first = {}, ...others]: readonly TextMap[]): TextMap {
  const isAlike = ([key, value]: [string, string]): boolean =>
    others.every((one) => Object.hasOwn(one, key) && one[key] === value);
  return Object.fromEntries(Object.entries(first).filter(isAlike));
}
