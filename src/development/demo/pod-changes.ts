import type { Container, Pod, Volume } from '../../contract/pod.ts';

/** What is different between the pod that was sent and the pod that was stored, in lines for a person. */
export function describePodChanges(sent: Pod, stored: Pod): string[] {
  const before = new Map(sent.spec.containers.map((container) => [container.name, container]));
  return [
    ...stored.spec.containers.flatMap((container) => {
      const known = before.get(container.name);
      return known === undefined ? describeNewContainer(container) : describeNewMounts(known, container);
    }),
    ...newVolumes(sent, stored).map((volume) => `+ volume ${volume.name}: ${describeSource(volume)}`),
  ];
}

function describeNewContainer(container: Container): string[] {
  return [
    `+ container ${container.name}, image ${container.image ?? ''}`,
    `    args   ${(container.args ?? []).join(' ')}`,
    ...(container.env ?? []).map(({ name, value }) => `    env    ${name}=${value ?? '(from a Secret)'}`),
    ...(container.ports ?? []).map(
      ({ name, containerPort }) => `    port   ${containerPort} (${name ?? ''})`,
    ),
    ...(container.volumeMounts ?? []).map(({ name, mountPath }) => `    mount  ${name} at ${mountPath}`),
  ];
}

function describeNewMounts(before: Container, after: Container): string[] {
  const known = new Set((before.volumeMounts ?? []).map(({ name }) => name));
  return (after.volumeMounts ?? [])
    .filter(({ name }) => !known.has(name))
    .map(({ name, mountPath }) => `~ container ${after.name}: mount ${name} at ${mountPath}`);
}

function newVolumes(sent: Pod, stored: Pod): Volume[] {
  const known = new Set((sent.spec.volumes ?? []).map(({ name }) => name));
  return (stored.spec.volumes ?? []).filter(({ name }) => !known.has(name));
}

function describeSource({ configMap, emptyDir, secret }: Volume): string {
  if (configMap !== undefined) return `ConfigMap ${configMap.name ?? ''}`;
  if (secret !== undefined) return `Secret ${secret.secretName ?? ''}`;
  return emptyDir === undefined ? 'another source' : 'an empty directory';
}
