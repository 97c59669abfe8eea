import { recordOf } from '../../lib/json.ts';
import { bytes, isBeyondBytes, parseQuantity, toBytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';

/** Thousandths of a core, whole. */
export type MilliCpu = number & { readonly __unit: 'millicpu' };

/** Brands a number of thousandths of a core, rounded up. */
export function milliCpu(value: number): MilliCpu {
  return Math.ceil(value) as MilliCpu;
}

/** The requests of a container, a pod or many pods. */
export interface Amount {
  readonly cpu: MilliCpu;
  readonly memory: Bytes;
}

export const NOTHING: Amount = { cpu: milliCpu(0), memory: bytes(0) };

export function sumOf(amounts: Iterable<Amount>): Amount {
  let [cpu, memory] = [0, 0n];
  for (const amount of amounts) {
    cpu += amount.cpu;
    memory += amount.memory;
  }
  return { cpu: milliCpu(cpu), memory: bytes(memory) };
}

export function times(amount: Amount, count: number): Amount {
  return { cpu: milliCpu(amount.cpu * count), memory: bytes(amount.memory * BigInt(count)) };
}

/** A Kubernetes quantity of cores; undefined when malformed. */
export function readCpu(value: unknown): MilliCpu | undefined {
  const quantity = quantityIn(value);
  // 10⁻⁹ of a core is the finest step of a quantity.
  const amount = quantity === undefined ? NaN : Math.ceil(Number(quantity.nano) / 1_000_000);
  return Number.isSafeInteger(amount) ? milliCpu(amount) : undefined;
}

/** A Kubernetes quantity of bytes; undefined when malformed. */
export function readMemory(value: unknown): Bytes | undefined {
  const quantity = quantityIn(value);
  return quantity === undefined || isBeyondBytes(quantity) ? undefined : toBytes(quantity);
}

function quantityIn(value: unknown): ReturnType<typeof parseQuantity> {
  const quantity = typeof value === 'string' || typeof value === 'number' ? parseQuantity(value) : undefined;
  return quantity === undefined || quantity.nano < 0n ? undefined : quantity;
}

/** The requests in `resources`. A missing request is the limit (Kubernetes' own rule). */
export function requestsIn(resources: unknown): Partial<Amount> {
  const { requests, limits } = recordOf(resources);
  const of = (resource: string): unknown => recordOf(requests)[resource] ?? recordOf(limits)[resource];
  const [cpu, memory] = [readCpu(of('cpu')), readMemory(of('memory'))];
  return { ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) };
}

const MEBIBYTE = 1024n * 1024n;

/** Whole mebibytes, rounded up: what a user would write. */
export function wholeMebibytes(amount: Bytes): Bytes {
  return bytes(((amount + MEBIBYTE - 1n) / MEBIBYTE) * MEBIBYTE);
}

/** The amount plus a share of it. */
export function withMargin(amount: Bytes, margin: number): Bytes {
  // In thousandths, so that it stays an integer.
  return bytes((amount * BigInt(Math.round((1 + margin) * 1000))) / 1000n);
}

/** `1500m`, or `2` for whole cores. */
export function formatCpu(amount: MilliCpu): string {
  return amount % 1000 === 0 ? String(amount / 1000) : `${amount}m`;
}
