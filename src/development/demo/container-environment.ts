import type { Secret } from '../../contract/kubernetes.ts';
import type { EnvVar } from '../../contract/pod.ts';

/**
 * The environment that kubelet makes of a container's variables: values of Secrets, and `$(NAME)` for those defined before.
 * Source: kubernetes, pkg/kubelet/kubelet_pods.go and third_party/forked/golang/expansion.
 * @throws when a Secret or a key is not there and the reference is not optional: kubelet would not start the container
 */
export async function containerEnvironment(
  variables: readonly EnvVar[],
  readSecret: (name: string) => Promise<Secret | undefined>,
): Promise<Record<string, string>> {
  const values = new Map<string, string>();
  for (const { name, value = '', valueFrom } of variables) {
    const reference = valueFrom?.secretKeyRef;
    if (reference === undefined) values.set(name, expanded(value, values));
    else {
      const encoded = (await readSecret(reference.name))?.data?.[reference.key];
      if (encoded !== undefined) values.set(name, Buffer.from(encoded, 'base64').toString());
      else if (reference.optional !== true) {
        throw new Error(`variable ${name}: there is no key ${reference.key} in Secret ${reference.name}`);
      }
    }
  }
  return Object.fromEntries(values);
}

/** What is not known stays as it is written, and `$$` is one `$`. */
function expanded(value: string, known: ReadonlyMap<string, string>): string {
  return value.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (known.get(name) ?? whole),
  );
}
