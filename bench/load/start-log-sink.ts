import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('log-sink.mts', import.meta.url));

/** An instant sink for logged payloads, in its own process. */
export interface BenchLogSink {
  readonly url: string;
  /** The number of events received so far. */
  count(): Promise<number>;
  stop(): void;
}

export async function startLogSink(): Promise<BenchLogSink> {
  const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [port] = (await once(child, 'message')) as [number];
  return {
    url: `http://127.0.0.1:${port}/`,
    count: async () => {
      child.send('count');
      const [events] = (await once(child, 'message')) as [number];
      return events;
    },
    stop: () => child.disconnect(),
  };
}
