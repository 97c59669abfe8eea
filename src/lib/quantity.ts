/**
 * Kubernetes resource quantities: `1Gi`, `500M`, `0.5Gi`, `1e9`, `100m`.
 * Grammar and canonical form: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */

/** A quantity in whole numbers only: its value is `nano` × 10⁻⁹, Kubernetes' finest step. */
export interface Quantity {
  readonly nano: bigint;
  /** The family of suffixes it was written in. Its canonical form stays in that family. */
  readonly format: 'binary' | 'decimal' | 'exponent';
}

/** Bytes, whole. */
export type Bytes = bigint & { readonly __unit: 'bytes' };

/** Marks a whole number of bytes. */
export function bytes(value: bigint | number): Bytes {
  return BigInt(value) as Bytes;
}

const NANO = 1_000_000_000n;
/** Go caps a value with a binary suffix here. Decimal values may be larger. */
const MAX_BINARY_NANO = (2n ** 63n - 1n) * NANO;

/**
 * Whether it is more than any byte count in Kubernetes, which has 63 bits. The cap is odd, so no value with a
 * binary suffix equals it: a quantity at the cap was written larger.
 */
export function isBeyondBytes({ nano, format }: Quantity): boolean {
  return nano > MAX_BINARY_NANO || (format === 'binary' && nano === MAX_BINARY_NANO);
}

/** Powers of 1024, largest first. */
const BINARY: readonly (readonly [string, bigint])[] = [
  ['Ei', 2n ** 60n],
  ['Pi', 2n ** 50n],
  ['Ti', 2n ** 40n],
  ['Gi', 2n ** 30n],
  ['Mi', 2n ** 20n],
  ['Ki', 2n ** 10n],
];

/** Powers of 1000 with their decimal exponent, largest first. */
const DECIMAL: readonly (readonly [string, number])[] = [
  ['E', 18],
  ['P', 15],
  ['T', 12],
  ['G', 9],
  ['M', 6],
  ['k', 3],
  ['', 0],
  ['m', -3],
  ['u', -6],
  ['n', -9],
];

/**
 * The pattern of a CRD's schema. It requires a digit where Go would read "Gi" as zero. Exponents have at most three
 * digits, so that no text makes a number large enough to block the process.
 */
const SYNTAX = /^([+-]?)(\d*)(?:\.(\d*))?(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?0*\d{1,3}))?$/;
/** Valid quantities are never longer, and parsing time grows faster than the number of digits. */
export const LONGEST_QUANTITY = 1_000;

/**
 * Parses a quantity as Go's `resource.Quantity` does. Undefined if it is not one. Fractions finer than 10⁻⁹ are
 * rounded away from zero.
 */
export function parseQuantity(text: string | number): Quantity | undefined {
  const written = String(text);
  if (written.length > LONGEST_QUANTITY) return undefined;
  const match = SYNTAX.exec(written.trim());
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', binary, decimal, exponent] = match;
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(`${whole}${fraction}`);
  const scale = scaleOf(binary, decimal, exponent);
  const exact = divideUp(digits * scale.factor * NANO, 10n ** BigInt(fraction.length) * scale.divisor);
  const magnitude = scale.format === 'binary' && exact > MAX_BINARY_NANO ? MAX_BINARY_NANO : exact;
  return { nano: sign === '-' ? -magnitude : magnitude, format: scale.format };
}

interface Scale {
  readonly factor: bigint;
  readonly divisor: bigint;
  readonly format: Quantity['format'];
}

function scaleOf(
  binary: string | undefined,
  decimal: string | undefined,
  exponent: string | undefined,
): Scale {
  if (binary !== undefined) {
    const factor = BINARY.find(([suffix]) => suffix === binary)?.[1] ?? 1n;
    return { factor, divisor: 1n, format: 'binary' };
  }
  const power =
    exponent === undefined
      ? (DECIMAL.find(([suffix]) => suffix === (decimal ?? ''))?.[1] ?? 0)
      : Number(exponent);
  const format = exponent === undefined ? 'decimal' : 'exponent';
  return power >= 0
    ? { factor: 10n ** BigInt(power), divisor: 1n, format }
    : { factor: 1n, divisor: 10n ** BigInt(-power), format };
}

function divideUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

/** Whole bytes, rounded up as Go's `Quantity.Value()` does; exact where Go's 64 bits overflow. */
export function toBytes(quantity: Quantity): Bytes {
  const { nano } = quantity;
  return (nano >= 0n ? divideUp(nano, NANO) : -(-nano / NANO)) as Bytes;
}

/**
 * The form KServe's own controller writes: the largest suffix of the quantity's family that needs no fraction
 * (`1024Mi` becomes `1Gi`, `0.5Gi` becomes `512Mi`, `1500M` stays).
 */
export function formatQuantity(quantity: Quantity): string {
  const { nano, format } = quantity;
  const magnitude = nano < 0n ? -nano : nano;
  const sign = nano < 0n ? '-' : '';
  if (magnitude === 0n) return '0';
  // Below 1024 the binary family has no suffix, and it has none for fractions.
  if (format === 'binary' && magnitude >= 1024n * NANO && magnitude % NANO === 0n) {
    const whole = magnitude / NANO;
    const unit = BINARY.find(([, factor]) => whole % factor === 0n);
    return unit === undefined ? `${sign}${whole}` : `${sign}${whole / unit[1]}${unit[0]}`;
  }
  return `${sign}${format === 'exponent' ? withExponent(magnitude) : withDecimalSuffix(magnitude)}`;
}

function withDecimalSuffix(magnitude: bigint): string {
  const unit =
    DECIMAL.find(([, power]) => magnitude % 10n ** BigInt(power + 9) === 0n) ?? (['n', -9] as const);
  return `${magnitude / 10n ** BigInt(unit[1] + 9)}${unit[0]}`;
}

/** Exponents come in steps of three. Unlike suffixes, they are not limited. */
function withExponent(magnitude: bigint): string {
  const digits = String(magnitude);
  const zeros = digits.length - digits.replace(/0+$/, '').length;
  const steps = Math.floor(zeros / 3) * 3;
  const amount = digits.slice(0, digits.length - steps);
  return steps === 9 ? amount : `${amount}e${steps - 9}`;
}

/** For people: a number of bytes in the canonical form of the binary family. */
export function formatBytes(amount: Bytes): string {
  return formatQuantity({ nano: amount * NANO, format: 'binary' });
}
