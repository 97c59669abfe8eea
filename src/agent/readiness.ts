import { get as httpGet, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import type { ModelPhase } from '../contract/agent-status.ts';
import { readSoundHead } from '../lib/read-sound-head.ts';
import { READ_ANSWERS } from './proxy/proxied-answer.decide.ts';
import type { ComponentProbe } from './readiness-probe.decide.ts';

/** How many names a reason lists before it only counts. */
const NAMES_SHOWN = 5;

/** Decides whether the pod should get requests. */
export interface Readiness {
  /** Undefined when ready, else why not. */
  check(): Promise<string | undefined>;
  /** The models that must be loaded, or known to have failed, once; later sets do not count. */
  setFirstSet(names: Iterable<string>): void;
  /** Why there is no first set. */
  setConfigFault(message: string): void;
  observe(name: string, phase: ModelPhase['phase'] | 'gone'): void;
  /** With residency on-demand: no more can be loaded ahead of the requests for them, which may come now. */
  memoryIsFull(): void;
  startDraining(): void;
}

/** Nothing more is waited for. */
const SETTLED: ReadonlySet<ModelPhase['phase'] | 'gone'> = new Set([
  ...(['Loaded', 'Standby', 'Remote', 'Failed', 'gone', 'Unloading'] as const),
]);

/** Makes a readiness that begins with "no models.json yet"; `probe` asks the component. */
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

/** Lets callers that ask while an answer is under way share it. */
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
 * Asks once at each place where the component may be; undefined when it is ready at one of them, else what the first
 * says.
 */
export async function askComponents(
  probes: readonly [ComponentProbe, ...ComponentProbe[]],
): Promise<string | undefined> {
  const answers = await Promise.all(probes.map(askComponent));
  return answers.includes(undefined) ? undefined : answers[0];
}

/** Asks the component once, as the probe says; undefined when it is ready. Kubelet's rules: any status from 200 to 399. */
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
  // Kubelet does not check the certificate of a probe either. TLS is loaded only where a probe needs it.
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
    // Node tells of an answer that switches protocols by this alone.
    call.on('close', () => resolve(`${where} answers in another protocol than HTTP`));
    call.on('socket', (socket) => readSoundHead(socket, READ_ANSWERS.maxHeaderSize));
    call.on('error', (error: NodeJS.ErrnoException) => resolve(`${where}: ${error.code ?? error.message}`));
  });
}
