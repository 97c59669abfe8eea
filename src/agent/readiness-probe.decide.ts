import { isRecord } from '../lib/json.ts';
import { DEFAULT_COMPONENT_PORT } from '../contract/names.ts';

/** How to find out whether the component answers. */
export type ComponentProbe =
  | {
      readonly kind: 'http';
      readonly scheme: 'http' | 'https';
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly headers: readonly (readonly [string, string])[];
      readonly timeoutSeconds: number;
    }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly timeoutSeconds: number };

interface ProbeReading {
  readonly probe: ComponentProbe;
  /** Other places where the component may be. It is ready if it is ready at any of them. */
  readonly alternatives: readonly ComponentProbe[];
  /** What was ignored in the probe, for the log. Never a reason to stop. */
  readonly remarks: readonly string[];
}

const LOCALHOST = '127.0.0.1';

/**
 * Parses SERVING_READINESS_PROBE: a Kubernetes Probe as JSON, which the webhook copies from the container behind the
 * agent. If it is absent, exec, grpc or unusable, the component is ready once its port accepts connections.
 */
export function readComponentProbe(
  text: string | undefined,
  componentPort: number,
  ownPort: number,
): ProbeReading {
  const remarks: string[] = [];
  const notes: Notes = { remarks, guessedPort: false };
  const probe = readProbe(text, componentPort, notes);
  if (probe.port === ownPort && ownPort !== componentPort) {
    remarks.push(
      `SERVING_READINESS_PROBE asks the agent's own port ${ownPort}; the component port is probed instead`,
    );
    return { probe: { ...probe, port: componentPort }, alternatives: [], remarks };
  }
  // The first port of a model server may be gRPC, which answers no HTTP probe. KServe's servers have HTTP at 8080.
  const guess = notes.guessedPort && probe.kind === 'http' && componentPort !== DEFAULT_COMPONENT_PORT;
  return { probe, alternatives: guess ? [{ ...probe, port: DEFAULT_COMPONENT_PORT }] : [], remarks };
}

/** What the parser notices beside the probe itself. */
interface Notes {
  readonly remarks: string[];
  /** The probe's port is a name, which only the pod's spec can resolve. */
  guessedPort: boolean;
}

function readProbe(text: string | undefined, componentPort: number, notes: Notes): ComponentProbe {
  const fallback: ComponentProbe = { kind: 'tcp', host: LOCALHOST, port: componentPort, timeoutSeconds: 1 };
  if (text === undefined || text.trim() === '') return fallback;
  const parsed = firstUsable(parse(text));
  if (!isRecord(parsed)) {
    notes.remarks.push('SERVING_READINESS_PROBE is not a JSON object; the component port is probed instead');
    return fallback;
  }
  const timeoutSeconds = positive(parsed['timeoutSeconds']) ?? 1;
  const { httpGet, tcpSocket } = parsed;
  if (isRecord(httpGet)) return httpProbe(httpGet, componentPort, timeoutSeconds, notes);
  if (isRecord(tcpSocket)) {
    const { host, port } = target(tcpSocket, componentPort, notes);
    return { kind: 'tcp', host, port, timeoutSeconds };
  }
  notes.remarks.push(
    'SERVING_READINESS_PROBE has neither httpGet nor tcpSocket; the component port is probed instead',
  );
  return { ...fallback, timeoutSeconds };
}

function httpProbe(
  httpGet: Record<string, unknown>,
  componentPort: number,
  timeoutSeconds: number,
  notes: Notes,
): ComponentProbe {
  const { host, port } = target(httpGet, componentPort, notes);
  const path = typeof httpGet['path'] === 'string' && httpGet['path'] !== '' ? httpGet['path'] : '/';
  const scheme = String(httpGet['scheme']).toUpperCase() === 'HTTPS' ? 'https' : 'http';
  const headers = Array.isArray(httpGet['httpHeaders']) ? (httpGet['httpHeaders'] as unknown[]) : [];
  return {
    kind: 'http',
    scheme,
    host,
    port,
    path: path.startsWith('/') ? path : `/${path}`,
    headers: headers.flatMap((header): [string, string][] =>
      isRecord(header) && typeof header['name'] === 'string'
        ? [[header['name'], typeof header['value'] === 'string' ? header['value'] : '']]
        : [],
    ),
    timeoutSeconds,
  };
}

/**
 * In Go's Probe an absent host means the pod's own address. The agent shares the pod's network, so that is localhost.
 */
function target(
  action: Record<string, unknown>,
  componentPort: number,
  notes: Notes,
): { host: string; port: number } {
  const host = typeof action['host'] === 'string' && action['host'] !== '' ? action['host'] : LOCALHOST;
  const port = portNumber(action['port']);
  if (port === undefined) {
    notes.guessedPort = true;
    notes.remarks.push(
      `SERVING_READINESS_PROBE names the port ${JSON.stringify(action['port'])}, which only the pod's spec can resolve; ` +
        `the component port ${componentPort} is probed instead`,
    );
  }
  return { host, port: port ?? componentPort };
}

function portNumber(port: unknown): number | undefined {
  const number = typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : port;
  const usable = typeof number === 'number' && Number.isInteger(number) && number > 0 && number < 65_536;
  return usable ? number : undefined;
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}

/** With ENABLE_MULTI_CONTAINER_PROBES Knative writes a list of probes. */
function firstUsable(parsed: unknown): unknown {
  if (!Array.isArray(parsed)) return parsed;
  const probes = parsed as unknown[];
  return probes.find(
    (probe) => isRecord(probe) && (isRecord(probe['httpGet']) || isRecord(probe['tcpSocket'])),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
