import type { HttpAnswer } from './http-call.ts';

/** A line of the text format of Prometheus, without labels: one process says it of itself. */
const RESIDENT = /^process_resident_memory_bytes ([0-9.e+]+)$/m;

/**
 * What a server says of its own memory. KServe's Python servers and MLServer say it by Python's client of Prometheus; MLServer
 * (measured on 1.7.1) only with `parallel_workers` 0: else the models are in processes of their own.
 */
export function residentMemoryOf(answer: HttpAnswer): number | undefined {
  if (answer.kind === 'none' || answer.status !== 200) return undefined;
  const text = RESIDENT.exec(answer.body)?.[1];
  const bytes = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(bytes) && bytes > 0 ? bytes : undefined;
}
