import { hash } from 'node:crypto';
import { isRecord } from '../lib/json.ts';
import type { ModelSpec } from './model-config.ts';
import { formatQuantity, parseQuantity } from '../lib/quantity.ts';

/** A complete download contains one file with this prefix; KServe's agent looks for the same. */
const MARKER_PREFIX = 'SUCCESS.';
const MARKER_NAME = /^SUCCESS\.[0-9a-f]{64}$/;

/**
 * The name of the marker that KServe's agent looks for: `SUCCESS.` and the SHA-256 of Go's `%v` of its ModelSpec
 * (`AsSha256` in pkg/agent/storage/utils.go). For a quantity with a fraction Go prints a memory address, so there is no
 * stable name and KServe's agent downloads again. Here the content of the marker decides.
 */
export function markerName(spec: ModelSpec): string {
  return `${MARKER_PREFIX}${sha256(`&{${spec.storageUri} ${spec.framework} ${goQuantity(spec.memory)}}`)}`;
}

/**
 * Whether a file at the top of a model's directory is a marker. An agent's marker has a SHA-256 in its name. Other
 * files with this prefix, such as `SUCCESS.md`, belong to the model.
 */
export function isMarkerName(name: string): boolean {
  return MARKER_NAME.test(name);
}

/** The content of the marker, byte for byte what Go's json.Marshal writes. */
export function markerContent(spec: ModelSpec): string {
  return canonicalSpec(spec).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Reads a marker; undefined when it is not a complete model spec, which makes the files around it useless. */
export function readMarker(content: string): ModelSpec | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    return undefined;
  }
  if (!isRecord(parsed)) return undefined;
  const { storageUri, framework, memory } = parsed;
  if (typeof storageUri !== 'string' || typeof framework !== 'string') return undefined;
  if (typeof memory !== 'string' && typeof memory !== 'number') return undefined;
  return { storageUri, framework, memory: String(memory) };
}

/** Names a version of a model in status and notes: SHA-256 (hex) of its spec as canonical JSON. */
export function specHash(spec: ModelSpec): string {
  return sha256(canonicalSpec(spec));
}

function canonicalSpec({ storageUri, framework, memory }: ModelSpec): string {
  const quantity = parseQuantity(memory);
  return JSON.stringify({
    storageUri,
    framework,
    memory: quantity === undefined ? memory : formatQuantity(quantity),
  });
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

const BINARY_EXPONENTS = new Map([
  ['Ki', 10],
  ['Mi', 20],
  ['Gi', 30],
  ['Ti', 40],
  ['Pi', 50],
  ['Ei', 60],
]);
const DECIMAL_EXPONENTS = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);

/**
 * How Go prints a resource.Quantity made from whole digits and a suffix: `{{value scale} {<nil>} cachedText Format}`.
 * The text is cached only where apimachinery's ParseQuantity does so.
 */
function goQuantity(text: string): string {
  if (text === '0') return '{{0 0} {<nil>} 0 DecimalSI}';
  const [, digits = '', suffix = ''] = /^(\d+)([A-Za-z]{0,2})$/.exec(text) ?? [];
  const binary = BINARY_EXPONENTS.get(suffix);
  if (digits === '' || (binary === undefined && !DECIMAL_EXPONENTS.has(suffix))) return text;
  if (binary !== undefined) {
    const cached = (BigInt(digits) & 7n) !== 0n ? text : '';
    return `{{${BigInt(digits) << BigInt(binary)} 0} {<nil>} ${cached} BinarySI}`;
  }
  const cached = digits.endsWith('000') || digits.startsWith('0') ? '' : text;
  return `{{${BigInt(digits)} ${DECIMAL_EXPONENTS.get(suffix) ?? 0}} {<nil>} ${cached} DecimalSI}`;
}
