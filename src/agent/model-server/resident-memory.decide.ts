import type { HttpAnswer } from './http-call.ts';

/** A line of Prometheus's text format, without labels: one process reports its own value. */
const RESIDENT = /^process_resident_memory_bytes ([0-9.e+]+)$/m;

/**
 * What a server reports of its own memory. KServe's Python servers and MLServer report it through Python's Prometheus
 * client. MLServer (measured on 1.7.1) does so only with `parallel_workers` 0: otherwise the models are in processes of
 * their own.
 */
export function residentMemoryOf(answer: HttpAnswer): number | undefined {
  if (answer.kind === 'none' || answer.status !== 200) return undefined;
  const text = RESIDENT.exec(answer.body)?.[1];
  const bytes = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(bytes) && bytes > 0 ? bytes : undefined;
}
