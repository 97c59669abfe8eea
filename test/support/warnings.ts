import vm from 'node:vm';

/**
 * Collects the warnings of Node as `name: message`. Jest gives tests a copy of `process` that never emits, so this
 * listens on the real one, which only the main context has.
 */
export function watchWarnings(): { readonly seen: string[]; stop(): void } {
  const real = vm.runInThisContext('process') as NodeJS.Process;
  const seen: string[] = [];
  const note = ({ name, message }: Error): void => void seen.push(`${name}: ${message}`);
  real.on('warning', note);
  return { seen, stop: () => real.off('warning', note) };
}
