import { recordsIn } from '../../lib/json.ts';
import type { JsonObject } from '../../lib/json.ts';
import { AGENT_ANNOTATIONS, AGENT_PORT, CONTAINERS } from '../../contract/names.ts';
import { firstPort } from './predictor-pod.decide.ts';

/** The port of every predictor's Service (`CommonDefaultHttpPort` in KServe's constants). */
const SERVICE_PORT = 80;
const H2C = 'kubernetes.io/h2c';

/**
 * The ports of a predictor's Service: 80, and every further port of the transformer or model server under its own
 * number. Port 80 leads to the agent, which proxies everything, HTTP/2 included, to the first port: the agent counts
 * and times requests by model, and lets open ones finish before the pod ends. A pod without the agent is reached
 * directly.
 */
export function servicePorts(
  podSpec: JsonObject,
  annotations: Readonly<Record<string, string>>,
): JsonObject[] {
  const containers = podSpec['containers'] as JsonObject[];
  const named = (wanted: string): JsonObject | undefined => containers.find(({ name }) => name === wanted);
  const server = named(CONTAINERS.transformer) ?? named(CONTAINERS.modelServer) ?? {};
  const [first = {}, ...others] = recordsIn(server['ports']);
  const targetPort =
    annotations[AGENT_ANNOTATIONS.agent] === 'false' ? firstPort(server['ports']) : AGENT_PORT;
  return [
    { ...describe(first, 'http'), port: SERVICE_PORT, targetPort },
    ...others.flatMap((port) => {
      const number = port['containerPort'];
      if (typeof number !== 'number') return [];
      return [{ ...describe(port, `port-${number}`), port: number, targetPort: number }];
    }),
  ];
}

function describe(port: JsonObject, otherwise: string): JsonObject {
  const { name, protocol } = port;
  return {
    name: typeof name === 'string' && name !== '' ? name : otherwise,
    protocol: typeof protocol === 'string' ? protocol : 'TCP',
    ...(isGrpc(port) ? { appProtocol: H2C } : {}),
  };
}

/** By KServe's convention the name of a port shows that it serves gRPC. */
function isGrpc({ name }: JsonObject): boolean {
  return typeof name === 'string' && (name.includes('grpc') || name.includes('h2c'));
}
