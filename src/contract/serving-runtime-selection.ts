import { compareText } from '../lib/compare-text.ts';
import type { ModelRequest } from './model-request.ts';
import { CONTAINERS } from './names.ts';
import { modelServerOf } from './serving-runtime.ts';
import type { RuntimeOffer } from './serving-runtime.ts';

/** KServe's own codes for why a predictor cannot be made (`FailureReason` of v1beta1). */
export type PredictorFault =
  'RuntimeNotRecognized' | 'RuntimeDisabled' | 'NoSupportingRuntime' | 'InvalidPredictorSpec';

type RuntimeSelection =
  | { readonly kind: 'selected'; readonly runtime: RuntimeOffer }
  | { readonly kind: 'none'; readonly reason: PredictorFault; readonly message: string };

/** The runtimes available to a predictor. */
export interface RuntimeOffers {
  /** Of its namespace; they take precedence over those of the cluster. */
  readonly namespaced: readonly RuntimeOffer[];
  readonly cluster: readonly RuntimeOffer[];
}

/** The protocol version that KServe assumes in the selection when none is set (`ModelSpec.GetProtocol`). */
const DEFAULT_PROTOCOL = 'v1';

/** How many near misses a message lists; the rest is counted. */
const NEAR_MISSES_SHOWN = 3;

/**
 * The runtime of a predictor: the one it names, else the best of those that offer its format for automatic selection.
 * KServe's rules (`reconcileModel`, `GetSupportingRuntimes`) except for `multiModel`, which KServe uses for ModelMesh.
 * Here a ModelMesh runtime is recognized by its lack of a model server container.
 */
export function selectRuntime(request: ModelRequest, offers: RuntimeOffers): RuntimeSelection {
  return request.runtime === undefined
    ? selectAutomatically(request, offers)
    : selectNamed(request.runtime, request, offers);
}

function selectNamed(name: string, request: ModelRequest, offers: RuntimeOffers): RuntimeSelection {
  const runtime = [...offers.namespaced, ...offers.cluster].find((offer) => offer.name === name);
  if (runtime === undefined) {
    return none(
      'RuntimeNotRecognized',
      `there is no ServingRuntime or ClusterServingRuntime ${name} yet; the InferenceService waits for it`,
    );
  }
  const { kind } = runtime;
  if (runtime.disabled) {
    return none('RuntimeDisabled', `${kind} ${name} is disabled; enable it, or name another one`);
  }
  if (request.protocol !== undefined && !speaks(runtime, request.protocol)) {
    return none('NoSupportingRuntime', `${kind} ${name} ${speaksOnly(runtime)}, not ${request.protocol}`);
  }
  if (!runtime.formats.some((format) => isFormat(format, request.format))) {
    return none('NoSupportingRuntime', `${kind} ${name} does not serve the format ${formatText(request)}`);
  }
  const fault = cannotRun(runtime);
  return fault === undefined
    ? { kind: 'selected', runtime }
    : none('InvalidPredictorSpec', `${kind} ${name} ${fault}`);
}

function selectAutomatically(request: ModelRequest, offers: RuntimeOffers): RuntimeSelection {
  const candidates = [...inOrder(request, offers.namespaced), ...inOrder(request, offers.cluster)];
  const nearMisses: string[] = [];
  for (const runtime of candidates) {
    const against = reasonAgainst(runtime, request);
    if (against === undefined) return { kind: 'selected', runtime };
    nearMisses.push(`${runtime.kind} ${runtime.name} ${against}`);
  }
  const wanted = `the format ${formatText(request)} with protocol ${request.protocol ?? `${DEFAULT_PROTOCOL} (spec.predictor sets no protocolVersion)`}`;
  const more =
    nearMisses.length > NEAR_MISSES_SHOWN ? `; and ${nearMisses.length - NEAR_MISSES_SHOWN} more` : '';
  const why =
    nearMisses.length === 0
      ? 'create a ServingRuntime or ClusterServingRuntime that offers it; the InferenceService waits for it'
      : `${nearMisses.slice(0, NEAR_MISSES_SHOWN).join('; ')}${more}`;
  return none('NoSupportingRuntime', `no runtime serves ${wanted}: ${why}`);
}

/** The runtimes with this format, the best first. */
function inOrder(request: ModelRequest, offers: readonly RuntimeOffer[]): RuntimeOffer[] {
  return offers
    .filter(({ formats }) => formats.some(({ name }) => name === request.format.name))
    .sort(
      (a, b) =>
        priorityOf(b, request) - priorityOf(a, request) ||
        protocolRank(a) - protocolRank(b) ||
        // The newest first.
        compareText(b.createdAt, a.createdAt) ||
        compareText(a.name, b.name),
    );
}

/**
 * The priority of the first entry with the format's name, whatever its version. Entries without a priority sort last.
 */
function priorityOf(runtime: RuntimeOffer, { format }: ModelRequest): number {
  return runtime.formats.find(({ name }) => name === format.name)?.priority ?? Number.MIN_SAFE_INTEGER;
}

const PROTOCOLS = ['v1', 'v2', 'grpc-v1', 'grpc-v2'];

/** The rank of a runtime is that of its first protocol in KServe's order. */
function protocolRank({ protocols }: RuntimeOffer): number {
  const ranks = protocols.map((protocol) => PROTOCOLS.indexOf(protocol)).filter((rank) => rank >= 0);
  return Math.min(PROTOCOLS.length, ...ranks);
}

function reasonAgainst(runtime: RuntimeOffer, request: ModelRequest): string | undefined {
  if (runtime.disabled) return 'is disabled';
  if (runtime.multiNode) return 'is for several nodes';
  const selectable = runtime.formats.filter(({ autoSelect }) => autoSelect);
  if (!selectable.some((format) => isFormat(format, request.format))) {
    return runtime.formats.some((format) => isFormat(format, request.format))
      ? 'does not offer it for automatic selection (name it in spec.predictor.model.runtime)'
      : `does not serve version ${request.format.version ?? ''}`;
  }
  const protocol = request.protocol ?? DEFAULT_PROTOCOL;
  if (!speaks(runtime, protocol)) return `${speaksOnly(runtime)} (set protocolVersion)`;
  return cannotRun(runtime);
}

function isFormat(
  offered: { readonly name: string; readonly version: string | undefined },
  wanted: ModelRequest['format'],
): boolean {
  return offered.name === wanted.name && (wanted.version === undefined || offered.version === wanted.version);
}

function speaks({ protocols }: RuntimeOffer, protocol: string): boolean {
  return protocols.length === 0 || protocols.includes(protocol);
}

function speaksOnly({ protocols }: RuntimeOffer): string {
  return `speaks only ${protocols.join(', ')}`;
}

function cannotRun(runtime: RuntimeOffer): string | undefined {
  return modelServerOf(runtime) === undefined
    ? `has no container named ${CONTAINERS.modelServer}`
    : undefined;
}

function formatText({ format: { name, version } }: ModelRequest): string {
  return version === undefined ? name : `${name} ${version}`;
}

function none(reason: PredictorFault, message: string): RuntimeSelection {
  return { kind: 'none', reason, message };
}
