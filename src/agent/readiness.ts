import { get as httpGet, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import type { ModelPhase } from '../contract/agent-status.ts';
import { readSoundHead } from '../lib/read-sound-head.ts';
import { READ_ANSWERS } from './proxy/proxied-answer.decide.ts';
import type { ComponentProbe } from './readiness-probe.decide.ts';

/** How many names a reason lists before it gives a number only. */
const NAMES_SHOWN = 5;

/** Decides whether the pod should get requests. */
export interface Readiness {
  /** Undefined if ready, else the reason. */
  check(): Promise<string | undefined>;
  /** The models that must load or fail once before the pod is ready. Later sets do not count. */
  setFirstSet(names: Iterable<string>): void;
  /** Why there is no first set. */
  setConfigFault(message: string): void;
  observe(name: string, phase: ModelPhase['phase'] | 'gone'): void;
  /** With residency on-demand: nothing more is loaded ahead of requests, so the pod can get them. */
  memoryIsFull(): void;
  startDraining(): void;
}

/** Phases that readiness does not wait for. */
const SETTLED: ReadonlySet<ModelPhase['phase'] | 'gone'> = new Set([
  ...(['Loaded', 'Standby', 'Remote', 'Failed', 'gone', 'Unloading'] as const),
]);

/** Makes a readiness that begins with "no models.json yet". `probe` asks the component. */
export function createReadiness(probe: () => Promise<string | undefined>): Readiness {
  let pending: Map<string, string> | undefined;
  let fault = 'models.json has not been read yet';
  let draining = false;
  const checkComponent = shared(probe);
  return {
    startDraining: () => {
      draining = true;
    },
    setConfigFault: (message) => {
      fault = message;
    },
    memoryIsFull: () => pending?.clear(),
    setFirstSet: (names) => {
      pending ??= new Map([...names].map((name) => [name, 'Queued']));
    },
    observe: (name, phase) => {
      if (pending?.has(name) !== true) return;
      if (SETTLED.has(phase)) pending.delete(name);
      else pending.set(name, phase);
    },
    check: () => {
      if (draining) return Promise.resolve('shutting down');
      if (pending === undefined) return Promise.resolve(fault);
      if (pending.size > 0) return Promise.resolve(describe(pending));
      return checkComponent();
    },
  };
}

function describe(pending: ReadonlyMap<string, string>): string {
  const shown = [...pending].slice(0, NAMES_SHOWN).map(([name, phase]) => `${name} (${phase})`);
  const more = pending.size > NAMES_SHOWN ? ', …' : '';
  return `${pending.size} models of the first set are not loaded yet: ${shown.join(', ')}${more}`;
}

/** Callers that ask during a running probe share its answer. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= ask().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/**
 * Probes each place where the component may be, once. Undefined if it is ready at one of them, else the reason of the
 * first.
 */
export async function askComponents(
  probes: readonly [ComponentProbe, ...ComponentProbe[]],
): Promise<string | undefined> {
  const answers = await Promise.all(probes.map(askComponent));
  return answers.includes(undefined) ? undefined : answers[0];
}

/** Probes the component once. Undefined if it is ready. As for kubelet, any status from 200 to 399 is a success. */
function askComponent(probe: ComponentProbe): Promise<string | undefined> {
  return probe.kind === 'http' ? askHttp(probe) : askTcp(probe);
}

function askTcp({ host, port, timeoutSeconds }: ComponentProbe): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (reason: string | undefined) => {
      socket.destroy();
      resolve(reason);
    };
    socket.setTimeout(timeoutSeconds * 1000, () =>
      finish(`${host}:${port} does not accept a connection in time`),
    );
    socket.on('connect', () => finish(undefined));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(`${host}:${port}: ${error.code ?? error.message}`),
    );
  });
}

async function askHttp(probe: Extract<ComponentProbe, { kind: 'http' }>): Promise<string | undefined> {
  const { scheme, host, port, path, timeoutSeconds } = probe;
  const where = `${scheme}://${host}:${port}${path}`;
  // Kubelet does not check the certificate of a probe either. TLS is loaded only if a probe needs it.
  const get = scheme === 'https' ? (await import('node:https')).get : httpGet;
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    host,
    port,
    path,
    agent: false,
    headers: { 'user-agent': 'kube-probe/kserve-mms', ...Object.fromEntries(probe.headers) },
    ...READ_ANSWERS,
    rejectUnauthorized: false,
    signal: AbortSignal.timeout(timeoutSeconds * 1000),
  };
  return new Promise((resolve) => {
    const call = get(options, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400 ? undefined : `${where} answered ${status}`);
    });
    // Node reports an answer that switches protocols by this event only.
    call.on('close', () => resolve(`${where} answers in another protocol than HTTP`));
    call.on('socket', (socket) => readSoundHead(socket, READ_ANSWERS.maxHeaderSize));
    call.on('error', (error: NodeJS.ErrnoException) => resolve(`${where}: ${error.code ?? error.message}`));
  });
}
