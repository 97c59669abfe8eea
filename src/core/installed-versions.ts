import { compareText } from './compare-text.ts';
import { isRecord, recordsIn } from './json.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { isFinished, watchedPod } from './watched-pod.ts';

/** How many pods run one image in a container. */
export interface RunningImage {
  readonly image: string;
  readonly pods: number;
  readonly ready: number;
}

/** The images of the containers of this name in pods that have not ended; of the first container without a name. */
export function runningImages(
  pods: readonly KubernetesObject[],
  container?: string,
): readonly RunningImage[] {
  const found = new Map<string, { pods: number; ready: number }>();
  for (const raw of pods) {
    const pod = watchedPod(raw);
    const image = isFinished(pod) ? undefined : imageIn(raw, container);
    if (image === undefined) continue;
    const { pods: before, ready } = found.get(image) ?? { pods: 0, ready: 0 };
    found.set(image, { pods: before + 1, ready: ready + (pod.ready ? 1 : 0) });
  }
  return [...found]
    .map(([image, counts]) => ({ image, ...counts }))
    .sort((a, b) => compareText(a.image, b.image));
}

function imageIn(raw: KubernetesObject, container: string | undefined): string | undefined {
  const spec = 'spec' in raw ? raw.spec : undefined;
  const containers = isRecord(spec) ? recordsIn(spec['containers']) : [];
  const image = containers.find(({ name }) => container === undefined || name === container)?.['image'];
  return typeof image === 'string' && image !== '' ? image : undefined;
}
