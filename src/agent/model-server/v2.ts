import { seconds } from '../../lib/clock.ts';
import { isRecord } from '../../lib/json.ts';
import { refusalText } from '../../contract/server-answer.ts';
import type { ModelServerAdapter, ServerAnswer, ServerHealth } from './adapter.ts';
import type { HttpAnswer, HttpCall } from './http-call.ts';
import { residentMemoryOf } from './resident-memory.decide.ts';
import type { MlserverSettings } from './mlserver-settings.ts';
import type { ProcessMemory } from './process-memory.ts';

const HEALTH_TIMEOUT = seconds(2);
const INDEX_TIMEOUT = seconds(60);
/** Large models take minutes to load. A load that the client cancels continues inside the server anyway. */
const LOAD_TIMEOUT = seconds(900);
const UNLOAD_TIMEOUT = seconds(120);

/** Another source for the server's memory, besides the server itself. */
interface MemorySources {
  readonly mlserverMetrics?: HttpCall;
  readonly ofProcess?: ProcessMemory;
}

/**
 * The V2 repository API, spoken by MLServer, Triton and KServe's Python servers:
 * https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_model_repository.html
 */
export function v2Adapter(
  call: HttpCall,
  settings: MlserverSettings,
  { mlserverMetrics = call, ofProcess }: MemorySources = {},
): ModelServerAdapter {
  const model = (name: string, action: 'load' | 'unload') =>
    `/v2/repository/models/${encodeURIComponent(name)}/${action}`;
  const metadata = rememberedMetadata(call);
  let says = false;
  const live = () => call('GET', '/v2/health/live', HEALTH_TIMEOUT);
  return {
    health: async () => healthOf(await live()),
    index: async () =>
      settings.hidden()
        ? undefined
        : indexOf(await call('POST', '/v2/repository/index', INDEX_TIMEOUT, '{}')),
    saysRepository: async () => ((await metadata())?.extensions ?? []).some(isRepository),
    loadsAllAtStart: async () => ((await metadata())?.extensions ?? []).includes(KSERVE_REPOSITORY),
    ready: async (name) => {
      const answer = await call('GET', `/v2/models/${encodeURIComponent(name)}/ready`, HEALTH_TIMEOUT);
      if (answer.kind === 'none' || isUnavailable(answer.status)) return undefined;
      return answer.status === 200 && !saysNotReady(answer.body);
    },
    load: async (name, directory, spec) => {
      const ask = async () => {
        const answer = await call('POST', model(name, 'load'), LOAD_TIMEOUT, '{}');
        return isNotReady(answer) ? meantBy(answer, await live()) : answerOf(answer, 'LoadFailed');
      };
      return (await metadata())?.name === 'mlserver'
        ? settings.during(name, directory, spec.framework, ask)
        : ask();
    },
    memory: async () => {
      const isMlserver = (await metadata())?.name === 'mlserver';
      const ask = isMlserver ? mlserverMetrics : call;
      const said = residentMemoryOf(await ask('GET', '/metrics', HEALTH_TIMEOUT));
      says ||= said !== undefined;
      if (said !== undefined) return { bytes: said, source: 'server' };
      // A server that reports it at other times is busy. Another source counts differently, so it is not used.
      const seen = says ? undefined : await ofProcess?.();
      return seen === undefined ? undefined : { bytes: seen, source: 'process' };
    },
    unload: async (name) => {
      const answer = await call('POST', model(name, 'unload'), UNLOAD_TIMEOUT, '{}');
      if (answer.kind === 'answer' && answer.status === 404) return { kind: 'done' };
      return answerOf(answer, 'UnloadFailed');
    },
  };
}

interface Metadata {
  readonly name: string;
  readonly extensions: readonly unknown[];
}

/** As in the protocol, and as KServe's Python servers (kserve/protocol/dataplane.py of 0.17.0) spell it. */
const KSERVE_REPOSITORY = 'model_repository_extension';
const REPOSITORY_EXTENSIONS: readonly unknown[] = ['model_repository', KSERVE_REPOSITORY];

function isRepository(extension: unknown): boolean {
  return REPOSITORY_EXTENSIONS.includes(extension);
}

/** The server's metadata. The first caller sends the request, the others share the answer. A failure is not kept. */
function rememberedMetadata(call: HttpCall): () => Promise<Metadata | undefined> {
  let asked: Promise<Metadata | undefined> | undefined;
  const ask = async (): Promise<Metadata | undefined> => {
    const answer = await call('GET', '/v2', HEALTH_TIMEOUT);
    if (answer.kind === 'none' || answer.status !== 200) {
      asked = undefined;
      return undefined;
    }
    const metadata = parsed(answer.body);
    const { name, extensions } = isRecord(metadata) ? metadata : {};
    return {
      name: typeof name === 'string' ? name : '',
      extensions: Array.isArray(extensions) ? extensions : [],
    };
  };
  return () => (asked ??= ask());
}

function healthOf(answer: HttpAnswer): ServerHealth {
  if (answer.kind === 'none') {
    if (isRefusedConnection(answer.code)) return 'gone';
    // Node's HTTP parser could not read the answer: HTTP/2 begins with a frame, TLS with an alert.
    return answer.code.startsWith('HPE_') ? 'foreign' : 'busy';
  }
  // A server without this path still answers. One behind 502 or 503 does not.
  return isUnavailable(answer.status) ? 'busy' : 'up';
}

function indexOf(answer: HttpAnswer): ReadonlyMap<string, boolean> | undefined {
  if (answer.kind === 'none' || answer.status !== 200) return undefined;
  const entries = parsed(answer.body);
  if (!Array.isArray(entries)) return undefined;
  const models = new Map<string, boolean>();
  for (const entry of entries as unknown[]) {
    if (!isRecord(entry) || typeof entry['name'] !== 'string') continue;
    // A server lists each version. One that answers is enough.
    models.set(entry['name'], models.get(entry['name']) === true || entry['state'] === 'READY');
  }
  return models;
}

function answerOf(answer: HttpAnswer, reason: string): ServerAnswer {
  if (answer.kind === 'none') {
    const gone = isRefusedConnection(answer.code);
    const timedOut = answer.code === 'ETIMEDOUT';
    return {
      kind: 'unavailable',
      reason: timedOut ? 'ModelServerTimeout' : 'ModelServerUnavailable',
      message: `the model server does not answer: ${answer.message}`,
      gone,
    };
  }
  if (isUnavailable(answer.status)) {
    return {
      kind: 'unavailable',
      reason: 'ModelServerUnavailable',
      message: messageOf(answer),
      gone: false,
    };
  }
  // KServe's Python servers answer 200 with {"load": false} when nothing was loaded.
  const body = parsed(answer.body);
  const isRefused = isRecord(body) && (body['load'] === false || body['unload'] === false);
  if (answer.status >= 200 && answer.status < 300 && !isRefused) return { kind: 'done' };
  return refusal(answer, reason);
}

type Answered = Extract<HttpAnswer, { kind: 'answer' }>;

function isNotReady(answer: HttpAnswer): answer is Answered {
  return answer.kind === 'answer' && answer.status === 503;
}

/**
 * KServe's Python servers (kserve 0.17.0) answer a failed load with 503, `ModelNotReady`, like a server that is
 * down. If the server is live, it has refused the load.
 */
function meantBy(answer: Answered, live: HttpAnswer): ServerAnswer {
  if (live.kind === 'none') return answerOf(live, 'LoadFailed');
  return live.status === 200 ? refusal(answer, 'LoadFailed') : answerOf(answer, 'LoadFailed');
}

/** What MLServer (1.7.1, parallel/errors.py) says where the process ended that has its models. */
const WORKER_ENDED = 'Worker process stopped unexpectedly';

function refusal(answer: Answered, reason: string): ServerAnswer {
  const message = messageOf(answer);
  return { kind: 'refused', reason, message, ...(message.includes(WORKER_ENDED) && { killed: true }) };
}

function messageOf({ status, body }: Answered): string {
  return refusalText(status, body);
}

function saysNotReady(body: string): boolean {
  const answer = parsed(body);
  return isRecord(answer) && answer['ready'] === false;
}

function isUnavailable(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

function isRefusedConnection(code: string): boolean {
  return code === 'ECONNREFUSED' || code === 'EHOSTUNREACH' || code === 'ENOTFOUND';
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
