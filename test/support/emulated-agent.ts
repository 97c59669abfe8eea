import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ModelStatus } from '../../src/contract/agent-status.ts';
import { specHash } from '../../src/contract/model-marker.ts';
import type { ModelConfigEntry } from '../../src/contract/model-config.ts';
import { createNumberedModels } from '../../src/agent/status/versioned-models.ts';

/** The status server of an emulated agent: the documented stream, with models that go through their phases. */
export interface EmulatedAgent {
  readonly port: number;
  /** Sets the current models.json. New models proceed to Loaded, or to Failed where `fails` is true. */
  want(entries: readonly ModelConfigEntry[]): void;
  /** Models that are loaded or failed. */
  settled(): number;
  stop(): Promise<void>;
}

export interface EmulatedAgentOptions {
  /** The number of models that this agent takes to Loaded in a second. */
  readonly perSecond: number;
  readonly fails: (name: string) => boolean;
  /** Called with the name of each model that fails. */
  readonly onFailed?: (name: string) => void;
  /** The message of models that fail. */
  readonly message?: string;
}

const HEARTBEAT_MS = 15_000;

/** Starts it on a free port of 127.0.0.1. Real agents for thousands of models would exceed a test machine. */
export async function startEmulatedAgent(options: EmulatedAgentOptions): Promise<EmulatedAgent> {
  const { perSecond, fails, onFailed, message: failure = 'the source answered 404' } = options;
  const models = createNumberedModels();
  const instance = crypto.randomUUID();
  let sequence = 0;
  const streams = new Set<() => void>();
  const queue: ModelConfigEntry[] = [];
  const known = new Set<string>();
  const ending = new AbortController();
  const next = (): number => ++sequence;
  const put = (entry: ModelConfigEntry, phase: ModelStatus['phase'], message = ''): void => {
    models.put(
      {
        ...{ name: entry.modelName, phase, specHash: specHash(entry.modelSpec), servingSpecHash: null },
        ...{ reason: phase === 'Failed' ? 'NotFound' : '', message, since: new Date().toISOString() },
        ...{ attempts: 1, retryAt: null, bytes: 0, times: {} },
      },
      next,
    );
  };

  const metrics = (): string =>
    models
      .all()
      .map(({ name, phase }) => `kserve_mms_agent_model_phase{model="${name}",phase="${phase}"} 1\n`)
      .join('');
  const server = createServer((request, response) => {
    if (request.url === '/metrics') {
      response.end(metrics());
      return;
    }
    const query = new URL(request.url ?? '/', 'http://agent').searchParams;
    let from = query.get('instance') === instance ? Number(query.get('since')) : -1;
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const flush = (): void => {
      if (response.writableNeedDrain) return;
      if (from < 0) {
        const status = { version: 'kserve-mms/agent-status.v1', instance, sequence, models: models.all() };
        response.write(`${JSON.stringify({ type: 'SNAPSHOT', sequence, status })}\n`);
        from = sequence;
        return;
      }
      for (const event of models.since(from).sort((a, b) => a.sequence - b.sequence)) {
        from = event.sequence;
        response.write(`${JSON.stringify(event)}\n`);
      }
    };
    const heartbeat = setInterval(() => {
      response.write(`${JSON.stringify({ type: 'HEARTBEAT', sequence })}\n`);
    }, HEARTBEAT_MS);
    streams.add(flush);
    response.on('drain', flush);
    response.on('close', () => {
      clearInterval(heartbeat);
      streams.delete(flush);
    });
    flush();
  });
  const tell = (): void => {
    for (const flush of streams) flush();
  };

  /** Runs ten steps a second: each starts some models and advances the others to the next phase. */
  async function run(): Promise<void> {
    let downloading: ModelConfigEntry[] = [];
    let loading: ModelConfigEntry[] = [];
    let settled = 0;
    for (;;) {
      await delay(100, undefined, { signal: ending.signal }).catch(() => undefined);
      if (ending.signal.aborted) return;
      for (const entry of loading) {
        const bad = fails(entry.modelName);
        put(entry, bad ? 'Failed' : 'Loaded', bad ? failure : '');
        if (bad) onFailed?.(entry.modelName);
        settled += 1;
      }
      done = settled;
      for (const entry of downloading) put(entry, 'Loading');
      loading = downloading;
      downloading = queue.splice(0, perSecond / 10);
      for (const entry of downloading) put(entry, 'Downloading');
      tell();
    }
  }

  let done = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const running = run();
  return {
    port: (server.address() as AddressInfo).port,
    settled: () => done,
    want(entries) {
      for (const entry of entries) {
        if (known.has(entry.modelName)) continue;
        known.add(entry.modelName);
        queue.push(entry);
        put(entry, 'Queued');
      }
      tell();
    },
    async stop() {
      ending.abort();
      await running;
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
